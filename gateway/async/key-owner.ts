import type { Callers } from '../caller/callers.ts';
import { namedSources, selectHashKey } from '../request/hash-key.ts';
import type { HashKeySource } from '../request/hash-key.ts';
import type { OwnerOf } from './idempotency.ts';

/**
 * @param hashKey the setting `HASH_KEY`; a key from `random` tells no tenants apart.
 * @param scope the setting `IDEMPOTENCY_SCOPE`.
 * @returns tells whose the idempotency key of a request is.
 */
export function keyOwner(
  hashKey: readonly HashKeySource[],
  callers: Callers,
  scope: 'shared' | 'caller',
): OwnerOf {
  const sources = namedSources(hashKey);
  return ({ target, headers }, ip) => {
    const request = { target, headers, ip };
    return {
      tenant: selectHashKey(sources, request, () => ''),
      caller: callers.of(request),
      ownKeys: scope === 'caller',
    };
  };
}
