import type { Lease } from '#shared/contract/lease.ts';
import type { Observed } from './observe.ts';

/** @returns the lease of the replica's own worker; that of an adopter says nothing about it. */
export function ownLease(name: string, { leases }: Observed): Lease | undefined {
  const lease = leases.get(name);
  return lease?.adopter === undefined ? lease : undefined;
}

/** @returns whether nothing is left of a replica's own worker, and none is being started. */
export function isGone(name: string, observed: Observed): boolean {
  const { instances, starting, standbys } = observed;
  const hasOwn = ownLease(name, observed) !== undefined || standbys.has(name) || starting.has(name);
  return !hasOwn && instances.every((instance) => instance.name !== name);
}

/** @returns whether a retired replica was replaced, and its replacement is still there to adopt its queue. */
export function hasHeir(name: string, { heirs, retired, desired }: Observed): boolean {
  const heir = heirs.get(name);
  return heir !== undefined && retired.has(name) && desired.some((member) => member.name === heir);
}
