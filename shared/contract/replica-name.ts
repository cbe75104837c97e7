/** The names that a container accepts as a hostname. A replica's name must be one of them. */
export const replicaNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;

/** @returns whether `name` can be the name of a replica. */
export function isReplicaName(name: string): boolean {
  return replicaNamePattern.test(name);
}
