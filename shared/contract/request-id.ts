import { isReplicaName } from './replica-name.ts';

const unique = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Makes the id of a request. It names the replica whose queue has the request, so that any gateway finds it
 * in one round trip.
 * @param uuid has 122 random bits, so nobody can guess it.
 */
export function requestId(uuid: string, replica: string): string {
  return `${uuid}.${replica}`;
}

/** @returns the part of a request's id before the name of the replica. */
export function uuidOf(id: string): string {
  return id.split('.', 1)[0] ?? id;
}

/** @returns the replica whose queue has the request; undefined if `id` is not the id of a request. */
export function replicaOf(id: string): string | undefined {
  const dot = id.indexOf('.');
  const replica = id.slice(dot + 1);
  return dot > 0 && unique.test(id.slice(0, dot)) && isReplicaName(replica) ? replica : undefined;
}
