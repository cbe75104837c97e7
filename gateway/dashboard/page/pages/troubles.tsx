import type { JSX } from 'preact';
import type { TroubleView } from '#shared/contract/api/overview.ts';
import { hrefOf } from '../data/route.ts';
import { Icon } from '../parts/icon.tsx';

const tones = { error: 'bad', warning: 'warn', notice: 'info' } as const;

/** What an operator should know or do, the worst first. */
export function Troubles({ troubles }: { readonly troubles: readonly TroubleView[] }): JSX.Element {
  return (
    <section class="troubles" aria-label="Troubles" aria-live="polite">
      {troubles.length === 0 && (
        <p class="all-well">
          <Icon name="good" /> All is well.
        </p>
      )}
      <ul>
        {troubles.map(({ level, code, text, advice, replica }) => (
          <li key={`${code} ${replica ?? text}`} class={`note ${tones[level]}`}>
            <Icon name={level} />
            <div>
              <p>
                <span class="unseen">{level}: </span>
                <strong>{text}</strong>
              </p>
              {advice !== undefined && <p>{advice}</p>}
            </div>
            {replica !== undefined && (
              <a class="button" href={hrefOf(['replicas', replica])}>
                Look at {replica}
              </a>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
