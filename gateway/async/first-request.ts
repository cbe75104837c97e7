import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '#shared/contract/errors.ts';
import type { Claim, IdempotencyClaims } from '#shared/store/records/idempotency-claims.ts';
import type { IdempotencyKey } from '../request/idempotency-key.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { RequestEnds } from '#shared/store/records/request-ends.ts';
import { findAccepted } from '../dispatch/find-accepted.ts';
import type { AcceptedSources } from '../dispatch/find-accepted.ts';

export interface FirstRequestOptions extends AcceptedSources {
  readonly claims: IdempotencyClaims;
  readonly ends: RequestEnds;
}

/** A request that claims an idempotency key. */
export interface Claimant {
  readonly idempotencyKey: IdempotencyKey;
  readonly id: string;
  /** In ms since the epoch. */
  readonly deadline: number;
  /** Of its client. */
  readonly socket: Socket;
}

/**
 * A gateway accepts a request within this time after it has claimed its key, in ms, or it is dead or frozen.
 */
const graceMs = 2000;
/** How often such a request is looked for, in ms. */
const pollIntervalMs = 50;

/**
 * Claims the idempotency key of a request. A key goes to another request only if its first request certainly
 * never started, if the answer has released the key, or if the time of the key is over.
 * @returns the request that has the key; undefined if it is this one.
 * @throws {Problem} `idempotency_key_in_use` if another caller has the key; `idempotency_key_reused` if
 * another request of the same caller has it; `redis_away`.
 */
export async function firstRequest(
  options: FirstRequestOptions,
  claimant: Claimant,
): Promise<KnownRequest | undefined> {
  try {
    return await claimOrFind(options, claimant);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('redis_away', 'Redis does not answer.', { cause: error });
  }
}

async function claimOrFind(
  options: FirstRequestOptions,
  { idempotencyKey, id, deadline, socket }: Claimant,
): Promise<KnownRequest | undefined> {
  const { claims } = options;
  const until = performance.now() + graceMs;
  let claim = await claims.claim(idempotencyKey, id, deadline);
  while (claim.id !== id) {
    checkSame(claim, idempotencyKey);
    const first = await findAccepted(options, claim.id);
    const isLate = performance.now() > until;
    const free = (first !== undefined || isLate) && (await givesUpKey(options, idempotencyKey, claim, first));
    if (!free && first !== undefined) return first;
    if (socket.destroyed) throw new Problem('request_timeout', 'The client has gone.');
    if (!free) await delay(pollIntervalMs);
    claim = await claims.claim(idempotencyKey, id, deadline, free ? claim : undefined);
  }
  return undefined;
}

/** @throws {Problem} if the claim is another caller's, or of another request. */
function checkSame(claim: Claim, { caller, fingerprint }: IdempotencyKey): void {
  if (claim.caller !== caller.digest) {
    throw new Problem(
      'idempotency_key_in_use',
      'Another caller has used the Idempotency-Key. Use a new key.',
    );
  }
  if (claim.fingerprint !== fingerprint) {
    throw new Problem('idempotency_key_reused', 'The Idempotency-Key was used for another request before.');
  }
}

/**
 * @param first the request that has the key; undefined if it was not accepted.
 * @returns whether another request may have the key.
 */
async function givesUpKey(
  { claims, ends }: FirstRequestOptions,
  idempotencyKey: IdempotencyKey,
  claim: Claim,
  first: KnownRequest | undefined,
): Promise<boolean> {
  if (first !== undefined) {
    const { released, state, started, finished } = first.record;
    if (released || (finished !== undefined && claims.isOver(finished))) return true;
    if (started !== undefined || (state !== 'cancelled' && state !== 'expired')) return false;
  }
  const ttlMs = await claims.remainingMs(idempotencyKey);
  return ends.endUnstarted(claim.id, idempotencyKey.caller, ttlMs);
}
