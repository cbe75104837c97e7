import { Agent } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json } from '../fixtures/raw-http.ts';
import type { RawRequest } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

function kept(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  onTestFinished(() => agent.destroy());
  return agent;
}

async function replicaOf(url: string, request: RawRequest): Promise<string | undefined> {
  const { headers } = await ask(url, request);
  return headerValue(headers, 'ringpost-replica');
}

describe('the same key', () => {
  it.each(['murmur3', 'assignment'])(
    'goes always to the replica that the ring says, at every gateway (%s)',
    async (ring) => {
      const settings = { RING: ring };
      const first = await system().start(settings);
      const second = await system().start({ ...settings, ROLE: 'gateway' });
      const agent = kept();
      const keys = Array.from({ length: 1000 }, (_, i) =>
        i % 2 ? String(100_000 + i * 1777) : `user ${i} é`,
      );
      const seen = new Set<string>();
      await Promise.all(
        [first, second].flatMap(({ url, gateway }) =>
          keys.map(async (key) => {
            // Header values are bytes; the gateway has each as one character.
            const text = Buffer.from(key).toString('latin1');
            const replica = await replicaOf(url, { agent, target: '/home', headers: ['Ringpost-Key', text] });
            expect(replica, `of ${key}`).toBe(gateway.watcher.ring.owner(text));
            seen.add(replica ?? '');
          }),
        ),
      );
      expect([...seen].toSorted()).toEqual(['S1', 'S2', 'S3']);
    },
  );
});

describe('HASH_KEY', () => {
  it('is tried in its order, and an empty value is as none', async () => {
    const { url, gateway } = await system().start({
      HASH_KEY: 'header:Tenant,cookie:session,query:user,path',
    });
    const agent = kept();
    const from = async (key: string, headers: string[], target: string): Promise<void> => {
      const replica = await replicaOf(url, { agent, headers, target });
      expect(replica, `${key} of ${target} ${headers.join(' ')}`).toBe(gateway.watcher.ring.owner(key));
    };
    for (let i = 0; i < 20; i += 1) {
      const cookie = ['Cookie', `a=b; session=c${i}`];
      await from(`t${i}`, ['TENANT', `t${i}`, ...cookie], '/x?user=u');
      await from(`c${i}`, ['Tenant', '', ...cookie], '/x?user=u');
      await from(`u ${i}`, ['Cookie', 'session='], `/x?b&user=u+${i}&user=v`);
      await from(`/p/${i}`, [], `/p/${i}?user=&b`);
    }
  });

  it('without `random` makes a request that has no key a 400 problem, which names no replica', async () => {
    const { url } = await system().start({ REPLICAS: '1', HASH_KEY: 'header:tenant,query:user' });
    for (const target of ['/home', '/home?user=', '/home?User=a']) {
      const got = await ask(url, { target, headers: ['Ringpost-Key', 'a', 'Tenant', ''] });
      expect([got.status, headerValue(got.headers, 'content-type')]).toEqual([
        400,
        'application/problem+json',
      ]);
      expect(json(got)).toMatchObject({ code: 'hash_key_missing', status: 400 });
      expect(headerValue(got.headers, 'ringpost-replica')).toBeUndefined();
    }
    expect((await ask(url, { target: '/home?user=a' })).status).toBe(200);
  });

  it('spreads requests without a key over all replicas by default', async () => {
    const { url } = await system().start();
    const agent = kept();
    const replicas = await Promise.all(
      Array.from({ length: 100 }, () => replicaOf(url, { agent, target: '/home' })),
    );
    expect(new Set(replicas)).toEqual(new Set(['S1', 'S2', 'S3']));
  });
});
