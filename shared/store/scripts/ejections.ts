import type { LeaderChange, RingChange } from './ring.ts';
import { script } from './script.ts';

/** What is noted of a replica. */
export interface EjectionChange {
  readonly name: string;
  /** As JSON; an empty text removes the note. */
  readonly ejection: string;
  /** Whether the replica leaves the ring in this step. */
  readonly leaves: boolean;
}

/** Notes which replicas are ejected, if the ring is still at `version`. */
export const changeEjections = script<
  { token: string; version: number; changes: readonly EjectionChange[] },
  RingChange | LeaderChange
>({
  file: 'change-ejections',
  keys: ({ version, leader, ejections, desired, ring, slowStarts }) => [
    version,
    leader,
    ejections,
    desired,
    ring,
    slowStarts,
  ],
  args: ({ token, version, changes }, { changes: channel }) => [
    token,
    version,
    channel,
    ...changes.flatMap(({ name, ejection, leaves }) => [name, ejection, leaves ? 'out' : '']),
  ],
  decode: (reply) => (reply === -1 ? 'deposed' : reply === -2 ? 'outdated' : 'changed'),
});
