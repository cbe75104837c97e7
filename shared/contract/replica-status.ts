import { isCount, parseObject } from './json-object.ts';

/** A replica's state in its life; `docs/architecture.md` has the transitions. */
export type ReplicaState = (typeof replicaStates)[number];
const replicaStates = ['starting', 'ready', 'lost', 'draining'] as const;

/** The field among the replicas' states that says why the driver cannot act; no replica can have this name. */
export const driverTrouble = '#driver';

/** What the leading controller last saw of a replica. */
export interface ReplicaStatus {
  readonly state: ReplicaState;
  /** Since when, in ms since the epoch. */
  readonly since: number;
  /** Since when it has not been ready, in ms since the epoch; undefined while it is. */
  readonly lostAt?: number;
  readonly generation: number;
  /** Losses in a row, without a time of being ready between them that lets the count begin anew. */
  readonly failures: number;
  /** The worker that has adopted its queue, as `S1#4`: generation 4 of replica S1. */
  readonly adopter?: string;
  /** Whether its worker has ended for certain: a lease that ran out may be that of a worker that lives. */
  readonly dead?: true;
  /** Why it was lost last, e.g. `exited with code 1`. */
  readonly reason?: string;
}

/** @returns the status that a text is as JSON; undefined for any other text. */
export function parseStatus(text: string): ReplicaStatus | undefined {
  const status = parseObject(text);
  if (status === undefined) return undefined;
  const { state, since, generation, failures } = status;
  const numbers = isCount(since) && isCount(generation) && isCount(failures);
  // Only the controller writes it, and the rest is for people.
  return numbers && replicaStates.some((each) => each === state)
    ? (status as unknown as ReplicaStatus)
    : undefined;
}
