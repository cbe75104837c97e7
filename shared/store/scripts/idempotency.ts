import { script } from './script.ts';

/**
 * Claims an idempotency key if it is free, or if it has the claim `replaced`. Returns the claim that holds
 * then.
 */
export const claimIdempotency = script<
  { scope: string; claim: string; ttlMs: number; replaced: string | undefined },
  string
>({
  file: 'claim-idempotency',
  keys: (keys, { scope }) => [keys.idempotency(scope)],
  args: ({ claim, ttlMs, replaced = '' }) => [claim, ttlMs, replaced],
  decode: String,
});

/**
 * Sets the remaining life of a claim. A TTL of 0 releases the key. Returns whether the key still had the
 * claim.
 */
export const expireIdempotency = script<{ scope: string; claim: string; ttlMs: number }, boolean>({
  file: 'expire-idempotency',
  keys: (keys, { scope }) => [keys.idempotency(scope)],
  args: ({ claim, ttlMs }) => [claim, ttlMs],
  decode: (reply) => reply === 1,
});
