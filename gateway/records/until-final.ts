import { finalStates } from '#shared/contract/request-record.ts';
import type { MayKnow } from './readers.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { ClientWatcher, Watch } from './watches.ts';

export interface Wait {
  /** Time in ms. */
  readonly waitMs: number;
  /** The request as it was a moment ago; left out if it is not known whether it exists. */
  readonly known?: KnownRequest;
  /** Whether the wait is over once the answer has begun as a kept stream. */
  readonly orStream?: boolean;
  /** Whether the client may know of the request. Left out if it may. */
  readonly mayKnow?: MayKnow;
  /**
   * What happens if the gateway stops. `answer`: the client gets the present state. `wait`: the wait goes on
   * if the request has started.
   */
  readonly onStop: 'answer' | 'wait';
}

/** How long a gateway that stops waits for a request to start, in ms. */
const startGraceMs = 1500;

/**
 * Waits until a request has ended. The watch stays open; whoever has opened it ends it.
 * @returns the request once it has ended, or as it is when the wait is over: because its time has passed, the
 * client has left ({@link Watch.gone}), or the gateway stops; undefined if nothing is known of it. Rejects if
 * the request is not known and Redis does not answer.
 */
export function untilFinal(
  watch: Watch,
  id: string,
  { waitMs, known, orStream = false, mayKnow, onStop }: Wait,
): Promise<KnownRequest | undefined> {
  return new Promise((resolve, reject) => {
    let last = known;
    let over = false;
    let overIfQueued = false;
    let stopTimer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      clearTimeout(stopTimer);
      watch.leave();
    };
    const finish = (): void => {
      end();
      resolve(last);
    };
    /** The client gets the present state, as soon as that is known. */
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
      onUpdate: (found) => {
        const shown = found === undefined || mayKnow?.(found) === false ? undefined : found;
        last = shown ?? known;
        const { state, stream } = last?.record ?? {};
        if (state === undefined || over || finalStates.has(state)) finish();
        else if (orStream && stream !== undefined) finish();
        else if (overIfQueued && state === 'queued') finish();
      },
      // A known request is accepted, whatever happens now, so a Redis that is away for a moment is waited
      // for.
      onFailure: (error) => {
        if (known !== undefined) return;
        end();
        reject(error);
      },
      onGone: finish,
      onStop: () => {
        if (onStop === 'answer') giveUp();
        else stopTimer = setTimeout(giveUpIfQueued, startGraceMs);
      },
    };
    watch.start(id, watcher, known !== undefined);
  });
}
