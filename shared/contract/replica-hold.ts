/**
 * What an operator asked for, beside that a replica runs. `drained`: out of the ring, with its worker
 * running. `paused`: in the ring, its requests wait. `restarting`: its worker is being replaced.
 */
export const replicaHolds = ['drained', 'paused', 'restarting'] as const;
export type ReplicaHold = (typeof replicaHolds)[number];
