import type { RingMember } from '../../ring/ring.ts';
import { slowStartText } from '../../ring/slow-start.ts';
import type { SlowStart } from '../../ring/slow-start.ts';
import type { LeaderChange, RingChange } from './ring.ts';
import { script } from './script.ts';

/** Writes the place of a desired replica anew, if the ring is still at `version`. */
export const changeMember = script<{ version: number; member: RingMember }, RingChange>({
  file: 'change-member',
  keys: ({ version, desired }) => [version, desired],
  args: ({ version, member }, { changes }) => [version, changes, member.name, JSON.stringify(member)],
  decode: (reply) => (reply === -2 ? 'outdated' : 'changed'),
});

/** Changes how much of their weights replicas in the ring have. */
export const changeSlowStarts = script<
  { token: string; steps: ReadonlyMap<string, SlowStart | undefined> },
  LeaderChange
>({
  file: 'change-slow-starts',
  keys: ({ version, ring, slowStarts, leader }) => [version, ring, slowStarts, leader],
  args: ({ token, steps }, { changes }) => [
    token,
    changes,
    ...Array.from(steps, ([name, slow]) => [name, slow === undefined ? '' : slowStartText(slow)]).flat(),
  ],
  decode: (reply) => (reply === -2 ? 'deposed' : 'changed'),
});
