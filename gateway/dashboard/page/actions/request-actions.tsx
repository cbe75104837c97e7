import { call } from '../data/call.ts';
import { ask } from '../parts/question.tsx';

/**
 * Asks whether a request is to be cancelled.
 * @param state `queued` or `running`.
 * @param done is called when it has been cancelled.
 */
export function askCancel(id: string, state: string, done: () => void): void {
  ask({
    title: 'Cancel this request?',
    body: (
      <>
        <p class="mono break">{id}</p>
        <p>
          {state === 'queued'
            ? 'It waits and will never run. Its client is told that it was cancelled.'
            : 'It runs. The signal of its handler fires; what the handler has done by then stays done.'}
        </p>
      </>
    ),
    confirm: 'Cancel the request',
    tone: 'danger',
    run: async () => {
      await call('DELETE', `/-/requests/${encodeURIComponent(id)}`);
      done();
      return 'The request is cancelled.';
    },
  });
}
