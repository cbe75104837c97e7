import type { BlockList } from 'node:net';
import { encodeCaller } from '#shared/contract/caller.ts';
import { Problem } from '#shared/contract/errors.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { CallbackUrls } from '#shared/contract/callback.ts';
import type { DeadLetter } from '#shared/store/records/dead-letter.ts';
import type { DeadLetters } from '#shared/store/records/dead-letters.ts';
import type { IdempotencyClaims } from '#shared/store/records/idempotency-claims.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { RequestRecords } from '#shared/store/records/request-records.ts';
import type { Capacity } from '../dispatch/capacity.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { clientOf } from '../request/client-address.ts';
import type { IdempotencyKey } from '../request/idempotency-key.ts';
import type { RequestParser } from '../request/request-parser.ts';
import { complete } from './completion.ts';
import type { Given } from './completion.ts';

export interface RedriveOptions {
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly letters: DeadLetters;
  readonly records: RequestRecords;
  readonly claims: IdempotencyClaims;
  readonly queues: JobQueues;
  readonly parser: RequestParser;
  /** @returns whether a worker serves the queue of a replica. */
  readonly isServed: (replica: string) => boolean;
  /** Proxies that may say who the client of a request is. */
  readonly trusted: BlockList | undefined;
  /** @throws {Problem} for addresses that callbacks may not go to. */
  readonly checkCallbacks: (urls: CallbackUrls) => Promise<void>;
  /** How long an async request may take, in ms. */
  readonly asyncTimeoutMs: number;
  /** How long its answer is kept, in ms. */
  readonly keepMs: number;
}

/**
 * Runs the request of a dead letter again as a new async request, and deletes the letter. It runs again once,
 * however often that is asked for: the letter is given the new id first.
 * @param given what the letter did not keep.
 * @returns the id of the new request.
 * @throws {Problem} if the request is not accepted; then the letter stays.
 */
export async function redrive(options: RedriveOptions, letter: DeadLetter, given: Given): Promise<string> {
  const { dispatcher, capacity, letters, claims, isServed, asyncTimeoutMs } = options;
  const { id } = letter.summary;
  if (letter.request === undefined) throw new Problem('answer_gone', 'The request was not kept.');
  const request = complete(letter.request, given);
  const accepted = dispatcher.now;
  const ip = clientOf(request.headers, options.trusted);
  const parsed = options.parser.parseAgain(request, ip, accepted, letter.caller);
  const { directives } = parsed;
  const { caller, idempotencyKey } = parsed.async;
  if (directives.callbacks !== undefined) await options.checkCallbacks(directives.callbacks);
  const selected = dispatcher.select(parsed);
  if (selected.refusal !== undefined) throw selected.refusal;
  const claimed = await letters.claim(id, selected.id);
  const replica = claimed === undefined ? undefined : replicaOf(claimed);
  if (claimed === undefined || replica === undefined) {
    throw new Problem('not_found', `There is no longer a dead letter ${id}.`);
  }
  const deadline = accepted + (directives.deadlineMs ?? asyncTimeoutMs);
  // From now on, a client that repeats the first request by its key gets the answer of the new one.
  const giveBack =
    idempotencyKey === undefined
      ? undefined
      : await takeKey(claims, idempotencyKey, claimed, deadline, { id, caller: letter.caller?.digest });
  try {
    // An earlier call may have claimed the letter, and then accepted the request or died. One id never runs
    // twice.
    if (claimed === selected.id || !(await isAccepted(options, claimed, replica))) {
      if (!isServed(replica))
        throw new Problem('no_replica', `Replica ${replica} was removed meanwhile; add it again.`);
      const keepMs = idempotencyKey === undefined ? options.keepMs : claims.ttlMs;
      const claim = idempotencyKey === undefined ? {} : { claim: idempotencyKey.scope };
      const terms = { accepted, deadline, keepMs, directives, ...claim, caller: encodeCaller(caller) };
      await capacity.hold(replica, request.body.length, async (place) => {
        const isNew = claimed === selected.id;
        const accepting = isNew ? selected : { ...selected, id: claimed, replica, spilledFrom: undefined };
        const refusal = await dispatcher.acceptAsync(request, accepting, terms);
        if (refusal !== undefined) throw refusal;
        place.arrive();
      });
    }
  } catch (error) {
    await giveBack?.().catch(() => undefined);
    throw error;
  }
  await letters.remove([id]);
  return claimed;
}

/**
 * Gives the idempotency key of a letter's request to the new request.
 * @param first the letter's request.
 * @returns a function that gives the key back.
 * @throws {Problem} `idempotency_key_reused` if the client has repeated the request meanwhile, so that
 * another request has the key.
 */
async function takeKey(
  claims: IdempotencyClaims,
  key: IdempotencyKey,
  id: string,
  deadline: number,
  first: { readonly id: string; readonly caller: string | undefined },
): Promise<() => Promise<unknown>> {
  const { fingerprint, caller } = key;
  const ours = { id, fingerprint, caller: caller.digest };
  const firstClaim = {
    id: first.id,
    fingerprint,
    ...(first.caller === undefined ? {} : { caller: first.caller }),
  };
  const held = await claims.claim(key, id, deadline, firstClaim);
  if (held.id === id) return () => claims.claim(key, first.id, deadline, ours);
  throw new Problem('idempotency_key_reused', `Request ${held.id} has the Idempotency-Key by now.`);
}

/**
 * The job is looked for first: it is gone only after its end is in the record. It may have been moved for a
 * retry; then the record says where it is.
 * @returns whether a request has ended, or certainly will.
 */
async function isAccepted(
  { records, queues }: RedriveOptions,
  id: string,
  replica: string,
): Promise<boolean> {
  for (let queue = replica; ;) {
    if ((await queues.missing(queue, [id])).length === 0) return true;
    const found = await records.find(id);
    if (found?.record.finished !== undefined) return true;
    if (found === undefined || found.replica === queue) return false;
    queue = found.replica;
  }
}
