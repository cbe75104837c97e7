import type { RequestView } from '#shared/contract/views.ts';
import { call } from '../data/call.ts';
import { ask } from '../parts/question.tsx';

/**
 * Asks whether a request is to be cancelled.
 * @param state `queued` or `running`.
 * @param done is called when the gateway has answered.
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
    endsItsButton: true,
    run: async () => {
      const { state: after } = await call<RequestView>('DELETE', `/-/api/requests/${encodeURIComponent(id)}`);
      done();
      return told(after);
    },
  });
}

/** @param state of the request afterwards. It may have ended by itself, or its worker may be dead. */
function told(state: RequestView['state']): string {
  if (state === 'cancelled') return 'The request is cancelled.';
  if (state === 'running')
    return 'The request still runs: its worker has not answered. It is not started again.';
  return `The request has ended by itself: it is ${state}.`;
}
