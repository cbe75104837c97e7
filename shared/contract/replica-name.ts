/** What a container accepts as a hostname, and so what a replica may be called. */
export const replicaNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;

/** @returns whether `name` can be a replica's name. */
export function isReplicaName(name: string): boolean {
  return replicaNamePattern.test(name);
}
