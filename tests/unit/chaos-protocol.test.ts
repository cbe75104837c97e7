import { expect, it } from 'vitest';
import { mayLoseWrites } from '../chaos/protocol.ts';

it.each(['kill -9 Redis for 900 ms', 'FLUSHALL ', 'redis-killed', 'redis-flushed-added', 'part the network'])(
  'excuses what depends on writes that Redis may have lost: %s',
  (what) => expect(mayLoseWrites(what, false)).toBe(true),
);

it.each([
  'kill -9 worker S1',
  'kill -9 gateway-1',
  'connections-cut',
  'cut connections to Redis ',
  'overload',
])('excuses nothing in a fault that Redis has no part in: %s', (what) =>
  expect(mayLoseWrites(what, true)).toBe(false),
);

it.each(['freeze Redis for 3000 ms', 'master-frozen', 'Redis full for 644 ms'])(
  'excuses something only if another Redis may become the master: %s',
  (what) => expect([mayLoseWrites(what, false), mayLoseWrites(what, true)]).toEqual([false, true]),
);
