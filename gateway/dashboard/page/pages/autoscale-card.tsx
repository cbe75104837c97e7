import type { JSX } from 'preact';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import { askAutoscale } from '../actions/autoscale-actions.tsx';
import { mayChange } from '../data/session-state.ts';
import { Ago } from '../parts/ago.tsx';
import { Card } from '../parts/card.tsx';
import { none } from '../words/numbers.ts';

/** How many replicas the load wants, how many there are, and why. */
export function AutoscaleCard({ autoscale }: { readonly autoscale: AutoscaleView }): JSX.Element {
  const { enabled, range, decision, change } = autoscale;
  return (
    <Card
      title="Autoscaling"
      hint={enabled ? `on, ${range?.min} to ${range?.max} replicas` : <Stopped autoscale={autoscale} />}
      tools={
        mayChange.value ? (
          <button type="button" onClick={() => askAutoscale(autoscale)}>
            {enabled ? 'Stop autoscaling …' : 'Let autoscaling go on …'}
          </button>
        ) : undefined
      }
    >
      <p>
        <strong>
          {decision?.wanted ?? none} wanted, {decision?.replicas ?? none} there.
        </strong>{' '}
        {decision?.reason}
      </p>
      {change !== null && (
        <p class="soft">
          {change.direction === 'up' ? 'Added' : 'Removed'} {change.names.join(', ')} <Ago at={change.at} />:{' '}
          {change.reason}.
        </p>
      )}
    </Card>
  );
}

function Stopped({ autoscale: { stopped, range } }: { readonly autoscale: AutoscaleView }): JSX.Element {
  const { by = 'operator', at = 0 } = stopped ?? {};
  return (
    <>
      stopped by {by === 'operator' ? 'an operator' : `a call of /${by}`}
      {at > 0 && (
        <>
          {' '}
          <Ago at={at} />
        </>
      )}
      {range !== null && `, ${range.min} to ${range.max} replicas`}
    </>
  );
}
