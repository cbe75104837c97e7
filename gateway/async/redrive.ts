import type { BlockList } from 'node:net';
import { encodeCaller } from '#shared/contract/caller.ts';
import type { CallbackUrls } from '#shared/store/callbacks.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { Problem } from '#shared/contract/errors.ts';
import { clientOf } from '../request/client-address.ts';
import { directivesOf } from '../request/directives.ts';
import type { Capacity } from '../dispatch/capacity.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { JobQueues } from '#shared/store/job-queues.ts';
import type { IdempotencyClaims } from '#shared/store/idempotency-claims.ts';
import { idempotentRequest } from './idempotency.ts';
import type { IdempotentRequest, KeyOwner, OwnerOf } from './idempotency.ts';
import type { RequestRecords } from '#shared/store/request-records.ts';
import { complete } from './completion.ts';
import type { Given } from './completion.ts';
import type { DeadLetter } from '#shared/store/dead-letter.ts';
import type { DeadLetters } from '#shared/store/dead-letters.ts';

export interface RedriveOptions {
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly letters: DeadLetters;
  readonly records: RequestRecords;
  readonly claims: IdempotencyClaims;
  readonly queues: JobQueues;
  /** @returns whether anybody serves the queue of a replica. */
  readonly isServed: (replica: string) => boolean;
  /** Proxies that are believed whom a request comes from. */
  readonly trusted: BlockList | undefined;
  readonly ownerOf: OwnerOf;
  /** @throws {Problem} for addresses that may not be called. */
  readonly checkCallbacks: (urls: CallbackUrls) => Promise<void>;
  /** Time in ms in which a request has to be done that is handed over. */
  readonly asyncTimeoutMs: number;
  /** Time in ms for which the answer of such a request is kept. */
  readonly keepMs: number;
}

/**
 * Hands the request of a dead letter over again, under an id of its own, and takes the letter away. It is handed over
 * once, whoever asks for it and however often: the letter gets the new id first.
 * @param given what the letter did not keep.
 * @returns the id of the request.
 * @throws {Problem} where it is not taken; the letter stays.
 */
export async function redrive(options: RedriveOptions, letter: DeadLetter, given: Given): Promise<string> {
  const { dispatcher, capacity, letters, claims, isServed, asyncTimeoutMs } = options;
  const { id } = letter.summary;
  if (letter.request === undefined) throw new Problem('answer_gone', 'The request was not kept.');
  const request = complete(letter.request, given);
  const accepted = dispatcher.now;
  const { notBefore: _, ...directives } = directivesOf(request.headers, accepted);
  if (directives.callbacks !== undefined) await options.checkCallbacks(directives.callbacks);
  const ip = clientOf(request.headers, options.trusted);
  const selected = dispatcher.select(request, ip, directives);
  if (selected.refusal !== undefined) throw selected.refusal;
  // It stays the request of its caller, whoever hands it over and with whichever credentials it runs.
  const kept = letter.caller;
  const found = options.ownerOf(request, ip);
  const owner: KeyOwner = kept === undefined ? found : { ...found, caller: kept };
  const idempotent = idempotentRequest(request, () => owner);
  const claimed = await letters.claim(id, selected.id);
  const replica = claimed === undefined ? undefined : replicaOf(claimed);
  if (claimed === undefined || replica === undefined) {
    throw new Problem('not_found', `There is no dead letter ${id} any more.`);
  }
  const deadline = accepted + (directives.deadlineMs ?? asyncTimeoutMs);
  // Who repeats the first request by its key gets the answer of this one from now on.
  const putBack =
    idempotent === undefined
      ? undefined
      : await takeKey(claims, idempotent, claimed, deadline, { id, caller: kept?.digest });
  try {
    // Whoever has claimed it before has handed it over, or has died. Under one id it is not run twice.
    if (claimed === selected.id || !(await isHandedOver(options, claimed, replica))) {
      if (!isServed(replica))
        throw new Problem('no_replica', `Replica ${replica} was removed meanwhile; add it again.`);
      const keepMs = idempotent === undefined ? options.keepMs : claims.ttlMs;
      const terms = { accepted, deadline, keepMs, directives, caller: encodeCaller(owner.caller) };
      await capacity.hold(replica, request.body.length, async (place) => {
        const refusal = await dispatcher.acceptAsync(request, { ...selected, id: claimed, replica }, terms);
        if (refusal !== undefined) throw refusal;
        place.arrive();
      });
    }
  } catch (error) {
    await putBack?.().catch(() => undefined);
    throw error;
  }
  await letters.remove([id]);
  return claimed;
}

/**
 * Gives the key of a letter's request to the one that is handed over instead.
 * @param first the letter's request.
 * @returns gives the key back.
 * @throws {Problem} `idempotency_key_reused` if its client has repeated it meanwhile, so that another request has the key.
 */
async function takeKey(
  claims: IdempotencyClaims,
  idempotent: IdempotentRequest,
  id: string,
  deadline: number,
  first: { readonly id: string; readonly caller: string | undefined },
): Promise<() => Promise<unknown>> {
  const { fingerprint, caller } = idempotent;
  const ours = { id, fingerprint, caller: caller.digest };
  const theirs = {
    id: first.id,
    fingerprint,
    ...(first.caller === undefined ? {} : { caller: first.caller }),
  };
  const held = await claims.claim(idempotent, id, deadline, theirs);
  if (held.id === id) return () => claims.claim(idempotent, first.id, deadline, ours);
  throw new Problem('idempotency_key_reused', `Request ${held.id} has the Idempotency-Key by now.`);
}

/** @returns whether a request has come to its end, or certainly will. */
async function isHandedOver(
  { records, queues }: RedriveOptions,
  id: string,
  replica: string,
): Promise<boolean> {
  const found = await records.find(id);
  if (found?.record.finished !== undefined) return true;
  return (await queues.missing(replica, [id])).length === 0;
}
