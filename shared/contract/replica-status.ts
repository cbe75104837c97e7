import { isCount, parseObject } from './json-object.ts';

/** The state of a replica. `docs/architecture.md` shows the transitions. */
export type ReplicaState = (typeof replicaStates)[number];
const replicaStates = ['starting', 'ready', 'asleep', 'lost', 'draining'] as const;

/**
 * The field among the replicas' states that says why the driver cannot act. No replica can have this name.
 */
export const driverTrouble = '#driver';

/** The field among the replicas' states that says which driver runs them. No replica can have this name. */
export const driverKind = '#driver-kind';

/** What the leading controller knows about a replica. */
export interface ReplicaStatus {
  readonly state: ReplicaState;
  /** When it entered the state, in ms since the epoch. */
  readonly since: number;
  /**
   * When it was last no longer ready, in ms since the epoch; undefined while it is ready, asleep, or woken.
   */
  readonly lostAt?: number;
  readonly generation: number;
  /** How often in a row it was lost. It starts again at 0 once the replica has been ready for long enough. */
  readonly failures: number;
  /** The worker that has adopted its queue, as `S1#4`: generation 4 of replica S1. */
  readonly adopter?: string;
  /** Whether its worker has certainly ended. A lease that has expired may be that of a live worker. */
  readonly dead?: true;
  /** Why it was lost last, e.g. `exited with code 1`. */
  readonly reason?: string;
}

/** @returns the status that `text` encodes as JSON; undefined for any other text. */
export function parseStatus(text: string): ReplicaStatus | undefined {
  const status = parseObject(text);
  if (status === undefined) return undefined;
  const { state, since, generation, failures } = status;
  const numbers = isCount(since) && isCount(generation) && isCount(failures);
  // Only controllers write it, and the other fields are only shown.
  return numbers && replicaStates.some((each) => each === state)
    ? (status as unknown as ReplicaStatus)
    : undefined;
}
