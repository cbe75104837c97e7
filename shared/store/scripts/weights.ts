import type { RingMember } from '../../ring/ring.ts';
import type { RingChange } from './ring.ts';
import { script } from './script.ts';

/** Writes the place of a desired replica anew, if the ring is still at `version`. */
export const changeMember = script<{ version: number; member: RingMember }, RingChange>({
  file: 'change-member',
  keys: ({ version, desired }) => [version, desired],
  args: ({ version, member }, { changes }) => [version, changes, member.name, JSON.stringify(member)],
  decode: (reply) => (reply === -2 ? 'outdated' : 'changed'),
});
