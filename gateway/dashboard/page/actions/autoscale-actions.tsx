import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import { call } from '../data/call.ts';
import { ask } from '../parts/question.tsx';

/** Asks whether autoscaling is to be stopped, or to go on. */
export function askAutoscale({ enabled, range }: AutoscaleView): void {
  const change = (wish: boolean): Promise<AutoscaleView> =>
    call('PUT', '/-/api/autoscale', { body: { enabled: wish } });
  if (enabled)
    ask({
      title: 'Stop autoscaling?',
      body: <p>The number of replicas stays as it is, whatever the load, until autoscaling goes on.</p>,
      confirm: 'Stop autoscaling',
      run: async () => {
        await change(false);
        return 'Autoscaling is stopped.';
      },
    });
  else
    ask({
      title: 'Let autoscaling go on?',
      body: (
        <p>
          It adds and removes replicas with the load, from {range?.min} to {range?.max}. Replicas that were
          added by hand may be removed.
        </p>
      ),
      confirm: 'Let it go on',
      run: async () => {
        await change(true);
        return 'Autoscaling goes on.';
      },
    });
}
