import { Agent } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { jobTerms } from '../../gateway/request/directives.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import type { RawRequest } from '../fixtures/raw-http.ts';
import { handlerFile } from '../fixtures/scratch.ts';
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
    'always goes to its owner on the ring, at every gateway (%s)',
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
            // Header values are bytes; the gateway represents each as one character.
            const text = Buffer.from(key).toString('latin1');
            const replica = await replicaOf(url, { agent, target: '/home', headers: ['Ringpost-Key', text] });
            expect(replica, `of ${key}`).toBe(gateway.watcher.ring.owner(key));
            seen.add(replica ?? '');
          }),
        ),
      );
      expect([...seen].toSorted()).toEqual(['S1', 'S2', 'S3']);
    },
  );
});

describe('keys are bytes', () => {
  it('so a key has one owner from header, cookie, query or path, and in /-/ring', async () => {
    const { url } = await system().start({
      REPLICAS: '7',
      HASH_KEY: 'header:x-user,cookie:session,query:user,path',
    });
    const agent = kept();
    const seen = new Set<unknown>();
    const texts = ['plain', '/a b', '/ü', '/é', '/à', '/ñandú', '/漢', '/🦊', '/100%'];
    for (const bytes of [...texts.map((key) => Buffer.from(key)), Buffer.from([0x2f, 0xfc])]) {
      const latin1 = bytes.toString('latin1');
      const escaped = bytes.toString('hex').replaceAll(/../g, '%$&');
      const ways: RawRequest[] = [
        { target: '/home', headers: ['X-User', latin1] },
        { target: '/home', headers: ['Cookie', `session=${latin1}`] },
        { target: `/home?user=${escaped}` },
        ...(latin1.startsWith('/') ? [{ target: `/${escaped.slice(3)}` }] : []),
      ];
      const replicas = await Promise.all(ways.map((way) => replicaOf(url, { agent, ...way })));
      const shown = await ask(url, { agent, target: `/-/ring?key=${escaped}` });
      const { key } = json(shown) as { key: { key: string; owner: string } };
      expect(replicas, `of ${latin1}`).toEqual(replicas.map(() => key.owner));
      expect(key.key).toBe(bytes.toString('utf8'));
      seen.add(key.owner);
    }
    expect(seen.size).toBeGreaterThan(2);
  });

  it('so requests of one key form one line, wherever the key comes from', async () => {
    const { url } = await system().start({
      REPLICAS: '1',
      HASH_KEY: 'header:x-user,query:user',
      HANDLER: handlerFile('leaving'),
    });
    const ordered = ['Ringpost-Order', 'key'];
    const { redis, keys } = system();
    const line = keys.line(jobTerms({ ordered: true }, 'ü', undefined).order ?? '');
    const connections = await Promise.all(
      [
        `GET /1?ms=20000 HTTP/1.1\r\nHost: h\r\nX-User: \xc3\xbc\r\n${ordered.join(': ')}\r\n\r\n`,
        `GET /2?ms=20000&user=%C3%BC HTTP/1.1\r\nHost: h\r\n${ordered.join(': ')}\r\n\r\n`,
      ].map((said) => speak(url, said)),
    );
    await expect.poll(() => redis.zcard(line)).toBe(2);
    for (const { socket } of connections) socket.destroy();
  });
});

describe('HASH_KEY', () => {
  it('is tried in order, and an empty value counts as none', async () => {
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

  it('without `random` answers a request without a key with 400, which names no replica', async () => {
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
