import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { requestId } from '#shared/contract/request-id.ts';
import { CallbackNotes } from '#shared/store/callbacks/callback-notes.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** Writes the record and the answer of a request that has ended. Both live for a minute. */
async function endedRequest() {
  const { redis, keys, connection } = system();
  const id = requestId(randomUUID(), 'S1');
  const [record, reply] = [keys.request('S1', id), keys.keptReply('S1', id)];
  await redis.hset(record, { state: 'done', callback: 'pending' });
  await redis.set(reply, 'reply');
  for (const key of [record, reply]) await redis.pexpire(key, 60_000);
  const lives = (): Promise<number[]> => Promise.all([redis.pttl(record), redis.pttl(reply)]);
  return { id, notes: new CallbackNotes(connection), lives };
}

it('a parked callback keeps record and answer until its first attempt', async () => {
  const { id, notes, lives } = await endedRequest();
  await notes.hold(id, 90_000);
  for (const ms of await lives()) expect(ms).toBeGreaterThan(60_000);
  await notes.note(id, 'delivered', 1, '204');
  for (const ms of await lives()) expect(ms).toBeLessThanOrEqual(60_000);
});

it.each(['delivered', 'retrying', 'none'] as const)(
  'a callback that is %s already keeps neither record nor answer',
  async (state) => {
    const { id, notes, lives } = await endedRequest();
    await notes.note(id, state, 1, '204');
    await notes.hold(id, 90_000);
    for (const ms of await lives()) expect(ms).toBeLessThanOrEqual(60_000);
  },
);
