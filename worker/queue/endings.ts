import type { Ended, OutgoingReply } from '#shared/store/queue/tick.ts';
import { SupersededError } from '../reply/reply-pushes.ts';

/** A job to be finished by a tick. */
export interface Ending extends Ended {
  /** Called once, when the job is finished, or with the reason why it is not. */
  readonly done: (error?: unknown) => void;
}

/** How many jobs one call finishes at most, so that it does not block Redis for long. */
const maxEnded = 256;

/** A call sends no more once it sends so many bytes of replies that are in frames of their own. */
const maxBytesBefore = 1024 * 1024;

/** The jobs of a batched consumer that the next ticks finish. */
export class Endings {
  readonly #waiting: Ending[] = [];

  get count(): number {
    return this.#waiting.length;
  }

  /**
   * @param reply is pushed in the same step.
   * @returns once the job is finished. Rejects if Redis refuses, or if another worker has taken the lease.
   */
  add(id: string, reply: OutgoingReply | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#waiting.push({ id, reply, done });
    });
  }

  /** @returns those that one call finishes. */
  take(): readonly Ending[] {
    let [count, bytes] = [0, 0];
    for (const { reply } of this.#waiting) {
      if (count === maxEnded || bytes >= maxBytesBefore) break;
      count += 1;
      for (const part of reply?.before ?? []) bytes += part.length;
    }
    return this.#waiting.splice(0, count);
  }

  takeAll(): readonly Ending[] {
    return this.#waiting.splice(0);
  }
}

/** Tells the callers that another worker finishes the jobs. */
export function rejectAsSuperseded(endings: readonly Ending[]): void {
  const error = new SupersededError();
  for (const { done } of endings) done(error);
}
