import type { Fields } from './read-ring.ts';
import type { LeaderChange, RingChange } from './ring.ts';
import { script } from './script.ts';

/** Notes which replicas are ejected, if the ring is still at `version`. An empty value removes the note. */
export const changeEjections = script<
  { token: string; version: number; ejections: Fields },
  RingChange | LeaderChange
>({
  file: 'change-ejections',
  keys: ({ version, leader, ejections, desired }) => [version, leader, ejections, desired],
  args: ({ token, version, ejections }, { changes }) => [token, version, changes, ...ejections.flat()],
  decode: (reply) => (reply === -1 ? 'deposed' : reply === -2 ? 'outdated' : 'changed'),
});
