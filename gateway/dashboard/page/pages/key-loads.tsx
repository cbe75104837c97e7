import type { JSX } from 'preact';
import type { KeyLoadsView, LoadCandidateView } from '#shared/contract/ring-view.ts';
import { Card } from '../parts/card.tsx';
import { LoadBar } from '../parts/load-bar.tsx';
import { Pill } from '../parts/pill.tsx';
import type { Tone } from '../parts/pill.tsx';
import { ReplicaName } from '../parts/replica-name.tsx';
import { count, counted } from '../words/numbers.ts';

/** So many replicas are shown, and all that are asked. */
const maxShown = 8;

const tones: Readonly<Record<LoadCandidateView['outcome'], Tone>> = {
  taken: 'good',
  passed: 'warn',
  'not asked': 'calm',
};

/** Where the requests of a key go by the loads of the replicas, and why. */
export function KeyLoads({ loads }: { readonly loads: KeyLoadsView }): JSX.Element {
  const { affinity, bound, candidates } = loads;
  const asked = candidates.filter(({ outcome }) => outcome !== 'not asked').length;
  const shown = candidates.slice(0, Math.max(asked, maxShown));
  const hidden = candidates.length - shown.length;
  return (
    <Card title="Where its requests go now" hint={`AFFINITY=${affinity}, LOAD_BOUND=${bound}`} class="flush">
      <p class="said">{sentences(loads)}</p>
      <div class="scroll-x" role="group" aria-label="Loads" tabIndex={0}>
        <table>
          <caption class="unseen">Replicas in the order in which they are asked, the owner first</caption>
          <thead>
            <tr>
              <th scope="col">replica</th>
              <th scope="col">loose requests</th>
              <th scope="col" class="load-column">
                load
              </th>
              <th scope="col" class="n mid">
                weight
              </th>
              <th scope="col" class="n mid" title="how many requests its worker runs at once">
                runs at once
              </th>
              <th scope="col">why</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, outcome, load, cap, weight, concurrency, why }) => (
              <tr key={name}>
                <th scope="row">
                  <ReplicaName name={name} />
                </th>
                <td>
                  <Pill tone={tones[outcome]}>{outcome}</Pill>
                </td>
                <td class="load-column">
                  <LoadBar load={load} cap={cap} />
                </td>
                <td class="n mid">{weight}</td>
                <td class="n mid">{count(concurrency)}</td>
                <td class="why">{why}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {hidden > 0 && <p class="under soft">and {counted(hidden, 'replica')} that would be asked later</p>}
    </Card>
  );
}

function sentences({ affinity, takenBy, candidates }: KeyLoadsView): string {
  const owner = candidates[0]?.name ?? takenBy;
  const isSpilled = takenBy !== owner;
  const ordered = 'Requests with Ringpost-Order: key never spill.';
  if (affinity === 'loose')
    return isSpilled
      ? `The next request goes to ${takenBy}, because ${owner}, the owner, is overloaded. ${ordered}`
      : `The next request goes to the owner, ${owner}. ${ordered}`;
  const loose = `One with Ringpost-Affinity: loose would go to ${isSpilled ? `${takenBy} now` : `${owner} too`}.`;
  return `All its requests go to the owner, ${owner}, whatever the load there. ${loose}`;
}
