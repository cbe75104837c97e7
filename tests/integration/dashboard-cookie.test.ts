import { expect, it } from 'vitest';
import { call } from '../fixtures/admin-calls.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const secret = 'c2Vzc2lvbi1vZi1zb21lYm9keQ';

/** @returns all that Redis has under the system's namespace, as text. */
async function stored(): Promise<string> {
  const { redis, keys: made } = system();
  const keys = await redis.keys(`${made.prefix}:*`);
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  const letters = await Promise.all(
    keys.filter((key) => key.includes(':letter:')).map((key) => redis.hgetall(key)),
  );
  return dumps.map((dump) => dump?.toString('latin1') ?? '').join('\n') + JSON.stringify(letters);
}

it('the cookie of the dashboard reaches no upstream, record, dead letter or answer to TRACE', async () => {
  const upstream = await recordingUpstream();
  upstream.answer = { status: 500, headers: [], body: Buffer.from('why') };
  const { url } = await system().start({
    REPLICAS: '1',
    UPSTREAM: upstream.url,
    HASH_KEY: 'cookie:user,random',
  });
  const headers = { cookie: `user=ada; ringpost_session_5001=${secret}; b=2` };
  const plain = await call('GET', `${url}/x`, { headers });
  expect(plain.status).toBe(500);
  const accepted = await call('POST', `${url}/x`, {
    headers: { ...headers, prefer: 'respond-async' },
    body: 'b',
  });
  const id = String(accepted.headers['ringpost-request']);
  const { redis, keys } = system();
  await expect.poll(() => redis.exists(keys.deadLetter(id)), { timeout: 20_000 }).toBe(1);
  expect(upstream.got).toHaveLength(2);
  for (const { headers: got } of upstream.got) {
    expect(got.join('\n')).not.toContain(secret);
    expect(got).toContain('user=ada; b=2');
  }
  expect(await stored()).not.toContain(secret);
  const traced = await call('TRACE', `${url}/x`, { headers: { ...headers, 'max-forwards': '0' } });
  expect([traced.status, traced.text.includes(secret)]).toEqual([200, false]);
});
