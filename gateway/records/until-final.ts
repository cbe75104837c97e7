import { finalStates } from '#shared/contract/request-record.ts';
import type { MayKnow } from './readers.ts';
import type { KnownRequest } from '#shared/store/request-records.ts';
import type { ClientWatcher, Watch } from './watches.ts';

export interface Wait {
  /** Time in ms. */
  readonly waitMs: number;
  /** The request as it was a moment ago. Without it nothing is known of the request, and it may not be there. */
  readonly known?: KnownRequest;
  /** Whether the client may know of the request; if not, it is as if there were none. Left out if it may. */
  readonly mayKnow?: MayKnow;
  /**
   * What happens when the gateway stops. `answer`: the present state is the answer. `wait`: the wait goes on if the
   * request has begun.
   */
  readonly onStop: 'answer' | 'wait';
}

/** A gateway that stops waits so long for a request to begin, in ms. */
const beginGraceMs = 1500;

/**
 * Waits for a request to come to its end. The watch is ended with the wait.
 * @returns the request once it has come to its end, or as it is when the wait is over, by its time, because the client
 * has gone ({@link Watch.gone}) or because the gateway stops; undefined if nothing is known of it.
 * Rejects if the request is not known and Redis does not answer.
 */
export function untilFinal(
  watch: Watch,
  id: string,
  { waitMs, known, mayKnow, onStop }: Wait,
): Promise<KnownRequest | undefined> {
  return new Promise((resolve, reject) => {
    let last = known;
    let over = false;
    let overIfQueued = false;
    let stopTimer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      clearTimeout(stopTimer);
      watch.end();
    };
    const finish = (): void => {
      end();
      resolve(last);
    };
    /** The present state is the answer, as soon as there is one. */
    const giveUp = (): void => {
      over = true;
      if (last !== undefined) finish();
    };
    const timer = setTimeout(giveUp, waitMs);
    const giveUpIfQueued = (): void => {
      overIfQueued = true;
      if (last?.record.state === 'queued') finish();
    };
    const watcher: ClientWatcher = {
      held: onStop === 'wait',
      onLook: (found) => {
        const shown = found === undefined || mayKnow?.(found) === false ? undefined : found;
        last = shown ?? known;
        const state = last?.record.state;
        if (state === undefined || over || finalStates.has(state)) finish();
        else if (overIfQueued && state === 'queued') finish();
      },
      // What is known is accepted, whatever happens now: a Redis that goes away for a moment is waited for.
      onFailure: (error) => {
        if (known !== undefined) return;
        end();
        reject(error);
      },
      onGone: finish,
      onStop: () => {
        if (onStop === 'answer') giveUp();
        else stopTimer = setTimeout(giveUpIfQueued, beginGraceMs);
      },
    };
    watch.begin(id, watcher, known !== undefined);
  });
}
