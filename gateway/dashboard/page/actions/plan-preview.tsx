import type { JSX } from 'preact';
import type { PlanView } from '#shared/contract/api/system.ts';
import { useResource } from '../data/resource.ts';
import { Loaded } from '../parts/note.tsx';
import { byName, colourOf } from '../parts/replica-colours.ts';
import { count, share } from '../words/numbers.ts';

/** Changes below this part of the ring are not listed. */
const minChange = 0.0005;

/** What a change would move, as `GET /-/api/plan` says. */
export function PlanPreview({ query }: { readonly query: string }): JSX.Element {
  const plan = useResource<PlanView>(`/-/api/plan?${query}`);
  return <Loaded from={plan}>{(view) => <Plan plan={view} />}</Loaded>;
}

function Plan({ plan }: { readonly plan: PlanView }): JSX.Element {
  const { movedShare, waiting, running, lines, notes } = plan;
  const changed = plan.replicas
    .filter(({ shareBefore, shareAfter }) => Math.abs(shareAfter - shareBefore) >= minChange)
    .toSorted((one, other) => byName(one.name, other.name));
  const max = Math.max(0.01, ...changed.flatMap(({ shareBefore, shareAfter }) => [shareBefore, shareAfter]));
  const width = (part: number): { width: string } => ({ width: `${(100 * part) / max}%` });
  const leaves = plan.rm.length + plan.drain.length > 0;
  return (
    <>
      <dl class="facts">
        <div>
          <dt>keys that move</dt>
          <dd>{share(movedShare)}</dd>
        </div>
        {leaves && (
          <>
            <div>
              <dt>waiting there</dt>
              <dd>{count(waiting)}</dd>
            </div>
            <div>
              <dt>running there</dt>
              <dd>{count(running)}</dd>
            </div>
            <div>
              <dt>ordered lines</dt>
              <dd>{count(lines)}</dd>
            </div>
          </>
        )}
      </dl>
      {changed.length > 0 && (
        <div class="plan-shares" role="group" aria-label="Shares of the ring" tabIndex={0}>
          <table class="plain">
            <caption class="unseen">Shares of the ring before and after</caption>
            <thead>
              <tr>
                <th scope="col">replica</th>
                <th scope="col" class="n">
                  now
                </th>
                <th scope="col" class="n">
                  then
                </th>
                <th scope="col" class="grow">
                  <span class="unseen">change</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {changed.map(({ name, shareBefore, shareAfter }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="n">{share(shareBefore)}</td>
                  <td class="n">{share(shareAfter)}</td>
                  <td>
                    <span class="before-after" aria-hidden="true">
                      <i style={{ ...width(shareBefore), background: 'var(--strong-line)' }} />
                      <i style={{ ...width(shareAfter), background: colourOf(name) }} />
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </>
  );
}
