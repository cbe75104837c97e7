import { strict as assert } from 'node:assert';
import type { JobData } from '#shared/contract/job.ts';
import type { DispatchClient } from './dispatch-client.ts';
import type { SendSpan } from '../trace/send-span.ts';
import type { PollNumber } from './queue-count.ts';

/**
 * The states of a waiter:
 *
 * - `adding`: its job is on its way to Redis;
 * - `waiting`: its job is in Redis, or may be;
 * - `fetching`: its reply has arrived, and the reply's body is being read from its own key;
 * - `leaving`: its client has left, or its deadline has passed, while the job was on its way: the job is to
 *   be withdrawn once it has arrived;
 * - `done`: nobody waits for the answer.
 *
 * The transitions:
 *
 * - (new) -> `adding`
 * - `adding` -> `waiting`: Redis has the job, or the connection broke so that it may have it
 * - `adding` -> `fetching`: the reply overtakes the acknowledgement of the job
 * - `adding` -> `leaving`: the client leaves, or the deadline passes
 * - `adding` -> `done`: the reply, or the head of a stream, overtakes the acknowledgement, or the job is
 *   not added, or not moved
 * - `waiting` -> `fetching`: the reply arrives, with its body in its own key
 * - `waiting` -> `done`: the reply, or the head of a stream, arrives, the client leaves, the deadline
 *   passes, or the request is dispatched again or moved to another replica (which makes a new waiter)
 * - `fetching` -> `waiting`: the body is gone
 * - `fetching` -> `done`: the body is here, the client leaves, or the deadline passes
 * - `leaving` -> `done`: the job has arrived and is withdrawn, or it did not arrive
 *
 * Only a `waiting` request may be found lost: in any other state a step is in progress that ends by itself.
 */
export type WaiterState = 'adding' | 'waiting' | 'fetching' | 'leaving' | 'done';

function mayBecome(state: WaiterState, next: WaiterState): boolean {
  switch (state) {
    case 'adding':
      return next !== 'adding';
    case 'waiting':
      return next === 'fetching' || next === 'done';
    case 'fetching':
      return next === 'waiting' || next === 'done';
    case 'leaving':
      return next === 'done';
    case 'done':
      return false;
    default:
      return state satisfies never;
  }
}

/** A request whose client waits for the answer. */
export interface WaitingRequest {
  readonly id: string;
  /** The hash key, which selected the replica. */
  readonly key: string;
  readonly replica: string;
  /** The owner of its key, if that is another replica because of the load. */
  readonly spilledFrom?: string | undefined;
  /** Whether it may go elsewhere than to the owner of its key if it is dispatched again. */
  readonly maySpill?: boolean;
  /** When it arrived, in ms since the epoch, in Redis time. */
  readonly accepted: number;
  /** The same on the `performance.now()` clock. */
  readonly since: number;
  readonly job: JobData;
  /** The request's body; if it is large it travels apart from the job. */
  readonly body: Uint8Array;
  /** Of its job; undefined if no OpenTelemetry SDK is loaded. */
  readonly sending?: SendSpan | undefined;
  readonly client: DispatchClient;
}

/** What a gateway keeps in memory for a request whose client waits. `Waiters` makes them. */
export class Waiter {
  readonly request: WaitingRequest;
  readonly timer: NodeJS.Timeout;
  /** Since when it waits, on the `performance.now()` clock. */
  readonly since = performance.now();
  #state: WaiterState = 'adding';
  /** The poll of its queue after which the job was added; undefined while the job is on its way. */
  addedAfterPoll: PollNumber | undefined = undefined;
  /** The bytes of its reply, which has not arrived yet, and the fence under which they were sent. */
  sentBody: { readonly fence: number; readonly bytes: Buffer } | undefined = undefined;

  /** @param onTimeout called after `timeoutMs`. */
  constructor(request: WaitingRequest, timeoutMs: number, onTimeout: (waiter: Waiter) => void) {
    this.request = request;
    this.timer = setTimeout(onTimeout, timeoutMs, this);
  }

  get state(): WaiterState {
    return this.#state;
  }

  /** Whether the client still waits. */
  get isWaitedFor(): boolean {
    return this.#state !== 'done' && this.#state !== 'leaving';
  }

  /** Changes the state. @throws {assert.AssertionError} if there is no such transition. */
  become(next: WaiterState): void {
    if (!mayBecome(this.#state, next)) assert.fail(`a waiter cannot go from ${this.#state} to ${next}`);
    this.#state = next;
  }
}
