import type { Problem } from '#shared/contract/errors.ts';
import { framesVersion, framesWithRoom, maxBodyFrameBytes } from '#shared/contract/frame.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import { SlotMap } from '#shared/v8/slot-array.ts';
import type { Ran } from '../http/request-notes.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import type { QueueCounts } from './queue-counts.ts';
import { Waiter } from './waiter.ts';
import type { WaitingRequest } from './waiter.ts';

/** The requests of this gateway whose clients wait, each until its deadline. */
export class Waiters {
  readonly #waiters = new SlotMap<Waiter>();
  readonly #countOf = new Map<string, number>();
  readonly #counts: QueueCounts;
  readonly #held: HeldBytes;

  /**
   * @param counts of the replicas' queues: each request is counted there as long as it waits.
   * @param held counts the bytes of the requests' bodies.
   */
  constructor(counts: QueueCounts, held: HeldBytes) {
    this.#counts = counts;
    this.#held = held;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /**
   * What the job of one more request says of frames (`JobData.frames`): there is room for long body frames if
   * all answers may be such without exceeding the limit of bytes.
   */
  get frames(): number {
    const bytes = (this.size + 1) * maxBodyFrameBytes(framesWithRoom);
    return this.#held.fits(bytes) ? framesWithRoom : framesVersion;
  }

  get ids(): readonly string[] {
    return [...this.#waiters.keys()];
  }

  /** The replicas that requests wait for. */
  get replicas(): Iterable<string> {
    return this.#countOf.keys();
  }

  /** How many requests wait for a replica. */
  countOf(replica: string): number {
    return this.#countOf.get(replica) ?? 0;
  }

  /** The waiters that have waited for at least so many ms, the longest first. */
  longerThan(ms: number): readonly Waiter[] {
    const until = performance.now() - ms;
    return this.#waiters
      .values()
      .filter(({ since }) => since <= until)
      .toSorted((one, other) => one.since - other.since);
  }

  get(id: string): Waiter | undefined {
    return this.#waiters.get(id);
  }

  /**
   * Starts to wait, before the job is added.
   * @param onTimeout called if the request still waits after `timeoutMs`.
   */
  add(request: WaitingRequest, timeoutMs: number, onTimeout: (waiter: Waiter) => void): Waiter {
    const { id, replica, body } = request;
    const waiter = new Waiter(request, timeoutMs, onTimeout);
    this.#waiters.add(id, waiter);
    this.#counts.of(replica).send();
    this.#countOf.set(replica, this.countOf(replica) + 1);
    if (body.length > 0) this.#held.takeRequest(body.length);
    return waiter;
  }

  /** The job of a waiter is in Redis, or may be. Does nothing if nobody waits for it. */
  arrive(waiter: Waiter): void {
    if (!waiter.isWaitedFor) return;
    // The reply may have overtaken the acknowledgement, and its body is being read.
    if (waiter.state === 'adding') waiter.become('waiting');
    waiter.addedAfterPoll ??= this.#counts.of(waiter.request.replica).arrive();
  }

  /** Stops waiting because the request has ended or is dispatched again. */
  end(waiter: Waiter): void {
    waiter.become('done');
    this.#remove(waiter);
  }

  /** Ends a waiter and gives its client a result, unless nobody waits for it any more. */
  settle(waiter: Waiter, result: HttpReply | Problem, ran?: Ran): void {
    if (!waiter.isWaitedFor) return;
    this.end(waiter);
    const { id, replica, spilledFrom, client } = waiter.request;
    client.settle({ id, replica, spilledFrom, result, ran });
  }

  /**
   * Stops waiting because the client has left, or the deadline has passed.
   * @returns whether the job is in Redis now, or may be, and no reply has arrived. A job that is on its way
   * is to be withdrawn when it has arrived: then the state is `leaving`.
   */
  leave(waiter: Waiter): boolean {
    const { state } = waiter;
    waiter.become(state === 'adding' ? 'leaving' : 'done');
    this.#remove(waiter);
    return state === 'waiting';
  }

  #remove({ request: { id, replica, body }, timer, addedAfterPoll }: Waiter): void {
    this.#waiters.take(id);
    clearTimeout(timer);
    const count = this.#counts.of(replica);
    if (addedAfterPoll === undefined) count.drop();
    else count.end(addedAfterPoll);
    if (body.length > 0) this.#held.giveRequest(body.length);
    const left = this.countOf(replica) - 1;
    if (left === 0) this.#countOf.delete(replica);
    else this.#countOf.set(replica, left);
  }
}
