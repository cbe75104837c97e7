import type { HttpReply } from '#shared/contract/http.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Problem } from '#shared/errors.ts';

/** A request whose answer is waited for. */
export interface Waiter {
  readonly id: string;
  readonly replica: string;
  readonly job: JobData;
  /** The request's body, which travels apart from the job where it is large. */
  readonly body: Uint8Array;
  readonly settle: (result: HttpReply | Problem) => void;
}

/** The requests of this gateway whose answers are waited for, each until its deadline. */
export class Waiters {
  readonly #waiters = new Map<string, { readonly waiter: Waiter; readonly timer: NodeJS.Timeout }>();
  readonly #countOf = new Map<string, number>();
  #bytes = 0;

  get size(): number {
    return this.#waiters.size;
  }

  get ids(): readonly string[] {
    return [...this.#waiters.keys()];
  }

  /** The replicas that requests wait for. */
  get replicas(): Iterable<string> {
    return this.#countOf.keys();
  }

  /** All that wait now. */
  get all(): readonly Waiter[] {
    return Array.from(this.#waiters.values(), ({ waiter }) => waiter);
  }

  /** Bytes of the bodies of all requests that are waited for. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many requests wait for a replica. */
  countOf(replica: string): number {
    return this.#countOf.get(replica) ?? 0;
  }

  has(id: string): boolean {
    return this.#waiters.has(id);
  }

  /** @param onTimeout called when the time is over and nobody has taken the waiter before. */
  add(waiter: Waiter, timeoutMs: number, onTimeout: (waiter: Waiter) => void): void {
    const { id, replica } = waiter;
    const timer = setTimeout(() => {
      if (this.take(id)) onTimeout(waiter);
    }, timeoutMs);
    this.#waiters.set(id, { waiter, timer });
    this.#countOf.set(replica, this.countOf(replica) + 1);
    this.#bytes += waiter.body.length;
  }

  /** @returns the waiter, who waits no more; undefined where it was taken before. */
  take(id: string): Waiter | undefined {
    const entry = this.#waiters.get(id);
    if (entry === undefined) return undefined;
    this.#waiters.delete(id);
    clearTimeout(entry.timer);
    const { waiter } = entry;
    this.#bytes -= waiter.body.length;
    const left = this.countOf(waiter.replica) - 1;
    if (left === 0) this.#countOf.delete(waiter.replica);
    else this.#countOf.set(waiter.replica, left);
    return waiter;
  }
}
