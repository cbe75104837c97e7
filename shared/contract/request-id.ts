import { isReplicaName } from './replica-name.ts';

const unique = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A request's id says in whose queue the request is, so that any gateway finds it in one round trip.
 * @param uuid 122 random bits: nobody can guess it.
 */
export function requestId(uuid: string, replica: string): string {
  return `${uuid}.${replica}`;
}

/** @returns the replica whose queue has the request; undefined where that is no id of a request. */
export function replicaOf(id: string): string | undefined {
  const dot = id.indexOf('.');
  const replica = id.slice(dot + 1);
  return dot > 0 && unique.test(id.slice(0, dot)) && isReplicaName(replica) ? replica : undefined;
}
