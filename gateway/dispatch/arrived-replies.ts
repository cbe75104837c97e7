import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import type { Ran } from '../http/request-notes.ts';
import { ranOf } from './ran.ts';
import type { ReplyBodies } from './reply-bodies.ts';
import type { Waiter } from './waiter.ts';
import type { Waiters } from './waiters.ts';

export interface ArrivedRepliesOptions {
  readonly waiters: Waiters;
  readonly bodies: ReplyBodies;
  /** Translates Redis time to the `performance.now()` clock. */
  readonly at: (time: number) => number;
  /** Called with a waiter whose reply has arrived and whose reply's body is gone. */
  readonly onLost: (waiter: Waiter) => void;
}

/** Passes what arrives in the inboxes to the clients that wait for it. */
export class ArrivedReplies {
  readonly #options: ArrivedRepliesOptions;
  #unclaimed = 0;

  constructor(options: ArrivedRepliesOptions) {
    this.#options = options;
  }

  /** Replies that arrived when nobody waited for them. */
  get unclaimedCount(): number {
    return this.#unclaimed;
  }

  /** Passes a reply to the client that waits for it. */
  receive(replica: string, reply: Reply): void {
    const { waiters, bodies, onLost } = this.#options;
    const { id, body, storedBytes = 0 } = reply;
    const waiter = waiters.get(id);
    if (waiter === undefined) {
      this.#unclaimed += 1;
      if (body === undefined) bodies.remove(replica, id);
      return;
    }
    if (body !== undefined) {
      waiters.end(waiter);
      waiter.request.settle(replica, { ...headOf(reply), body }, this.#ran(waiter, reply));
      return;
    }
    if (waiter.state === 'fetching') return;
    // Redis may be away now, so this can take until the deadline.
    waiter.become('fetching');
    const wanted = (): boolean => waiter.isWaitedFor;
    void bodies.fetch(replica, id, storedBytes, wanted, (stored) => {
      if (!wanted()) return;
      if (stored !== undefined) {
        waiters.settle(waiter, { ...headOf(reply), body: stored }, this.#ran(waiter, reply));
        return;
      }
      waiter.become('waiting');
      onLost(waiter);
    });
  }

  #ran({ request }: Waiter, { run }: Reply): Ran | undefined {
    return run && ranOf(run, this.#options.at(request.job.deadline) - request.since);
  }
}
