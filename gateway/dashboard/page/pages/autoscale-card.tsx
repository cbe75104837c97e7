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
      hint={enabled ? `on, ${range?.min} to ${range?.max} replicas` : stoppedText(autoscale)}
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
          {change.direction === 'up' ? 'Added' : 'Removed'} {change.names.join(', ')} <Ago at={change.at} />.
        </p>
      )}
    </Card>
  );
}

function stoppedText({ stopped }: AutoscaleView): string {
  return stopped === null || stopped.by === 'operator'
    ? 'stopped by an operator'
    : `stopped by a call of /${stopped.by}`;
}
