import type { Socket } from 'node:net';
import { encodeCaller } from '#shared/contract/caller.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { IdempotencyClaims } from '#shared/store/records/idempotency-claims.ts';
import type { RequestEnds } from '#shared/store/records/request-ends.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { Capacity } from '../dispatch/capacity.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Place } from '../dispatch/queue-count.ts';
import type { Selected } from '../dispatch/selection.ts';
import type { KeyRateLimit } from '../limits/key-rate-limit.ts';
import type { RateFields } from '../limits/rate-fields.ts';
import { delayFault } from '../request/directives.ts';
import type { Directives } from '../request/directives.ts';
import type { AsyncParsedRequest } from '../request/parsed-request.ts';
import { firstRequest } from './first-request.ts';
import type { Claimant } from './first-request.ts';

export interface AcceptOptions {
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly records: RequestRecords;
  readonly claims: IdempotencyClaims;
  readonly ends: RequestEnds;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  readonly keyRateLimit: KeyRateLimit;
  /** How long a request may take whose client does not wait, in ms. */
  readonly asyncTimeoutMs: number;
  /** How long the answer of a request is kept, in ms. */
  readonly keepMs: number;
  /** How long a client waits at most, in ms. */
  readonly replyTimeoutMs: number;
}

/**
 * The request that answers a client: the one that was accepted, or an earlier one with the same idempotency
 * key.
 */
export interface Accepted {
  readonly known: KnownRequest;
  /** Its place in the count of its queue; undefined for an earlier request. */
  readonly place: Place | undefined;
}

/** Statuses of ringpost's own that say that a request has not begun. Its idempotency key is released. */
const releasing: ReadonlySet<number> = new Set([429, 503]);

/** The client of a request that is being accepted. */
export interface AcceptedClient {
  readonly socket: Socket;
  /** Told where the request goes, also if it is then refused. */
  readonly onSelected: (selected: Selected) => void;
  /** Told what the rate of its key allows, also if it is then refused. */
  readonly onCounted: (fields: RateFields) => void;
}

/**
 * Accepts an async request, unless an earlier request has its idempotency key.
 * @throws {Problem} if the request is not accepted.
 */
export async function accept(
  options: AcceptOptions,
  parsed: AsyncParsedRequest,
  { socket, onSelected, onCounted }: AcceptedClient,
): Promise<Accepted> {
  const { dispatcher, capacity, claims, callbacks, keyRateLimit, asyncTimeoutMs, keepMs, replyTimeoutMs } =
    options;
  const { request, directives, preference } = parsed;
  const { caller, idempotencyKey } = parsed.async;
  const selected = dispatcher.select(parsed);
  onSelected(selected);
  if (selected.refusal !== undefined) throw selected.refusal;
  const { id, replica, spilledFrom } = selected;
  const accepted = dispatcher.now;
  const deadline = deadlineOf(
    accepted,
    directives,
    preference.respondAsync ? asyncTimeoutMs : replyTimeoutMs,
  );
  const tooLate = delayFault(directives, deadline);
  if (tooLate !== undefined) throw tooLate;
  if (directives.callbacks !== undefined) await callbacks.check(directives.callbacks);
  if (idempotencyKey !== undefined) {
    const first = await firstRequest(options, { idempotencyKey, id, deadline, socket });
    if (first !== undefined) return { known: first, place: undefined };
  }
  const terms = {
    accepted,
    deadline,
    keepMs: idempotencyKey === undefined ? keepMs : claims.ttlMs,
    directives,
    ...(idempotencyKey === undefined ? {} : { claim: idempotencyKey.scope }),
    ...(idempotencyKey !== undefined || caller.alone ? { caller: encodeCaller(caller) } : {}),
  };
  let mayBeEnqueued = false;
  try {
    if (keyRateLimit.appliesTo(parsed)) await keyRateLimit.admit(parsed, onCounted);
    return await capacity.hold(replica, request.body.length, async (place) => {
      mayBeEnqueued = true;
      const refusal = await dispatcher.acceptAsync(request, selected, terms);
      if (refusal !== undefined) throw refusal;
      place.arrive();
      const { method, target } = request;
      const record = { state: 'queued', change: 1, method, target, accepted, deadline, attempts: 0 } as const;
      const spilled = spilledFrom === undefined ? {} : { spilledFrom };
      return { known: { id, replica, gateway: '', record: { ...record, ...spilled } }, place };
    });
  } catch (error) {
    // Redis may be away. Then the next request with the key finds out that this one never started.
    if (idempotencyKey !== undefined && error instanceof Problem && releasing.has(error.status)) {
      await releaseKey(options, { idempotencyKey, id, deadline }, mayBeEnqueued).catch(() => undefined);
    }
    throw error;
  }
}

/**
 * The time limit counts from the end of the delay; a deadline of the client's own counts from the acceptance.
 */
function deadlineOf(accepted: number, { notBefore, deadlineMs }: Directives, timeoutMs: number): number {
  return deadlineMs === undefined ? Math.max(accepted, notBefore ?? 0) + timeoutMs : accepted + deadlineMs;
}

/** Releases the key of a request that was not accepted, if the request certainly never starts. */
async function releaseKey(
  { claims, ends }: AcceptOptions,
  { idempotencyKey, id, deadline }: Omit<Claimant, 'socket'>,
  mayBeEnqueued: boolean,
): Promise<void> {
  const neverStarts =
    !mayBeEnqueued || (await ends.endUnstarted(id, idempotencyKey.caller, claims.lifeMs(deadline)));
  if (neverStarts) await claims.release(idempotencyKey, id);
}
