import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const tenants = ['acme', 'beta', 'ceta', 'delta', 'eps'];

describe('a Hono app over three replicas', () => {
  it.each([
    ['path', () => []],
    ['header:Tenant', (tenant: string) => ['tenant', tenant]],
  ])('counts each tenant at one replica with HASH_KEY=%s', async (hashKey, headers) => {
    const { url } = await system().start({ HANDLER: './examples/hono/handler.ts', HASH_KEY: hashKey });
    const counted = new Map<string, { count: number; replicas: Set<unknown> }>();
    for (let i = 0; i < 10; i += 1) {
      const answers = await Promise.all(
        tenants.map((tenant) => ask(url, { target: `/count/${tenant}`, headers: headers(tenant) })),
      );
      for (const answer of answers) {
        const { tenant, count, replica } = json(answer) as { tenant: string; count: number; replica: string };
        const { replicas } = counted.get(tenant) ?? { replicas: new Set() };
        counted.set(tenant, { count, replicas: replicas.add(replica) });
        expect(headerValue(answer.headers, 'ringpost-replica')).toBe(replica);
      }
    }
    for (const tenant of tenants) expect(counted.get(tenant)).toMatchObject({ count: 10 });
    expect([...counted.values()].map(({ replicas }) => replicas.size)).toEqual(tenants.map(() => 1));
  });

  it('echoes bytes, and answers unknown paths itself', async () => {
    const { url } = await system().start({ REPLICAS: '1', HANDLER: './examples/hono/handler.ts' });
    const body = Buffer.alloc(
      200_000,
      Uint8Array.from({ length: 256 }, (_, i) => i),
    );
    const echo = await ask(url, { method: 'POST', target: '/echo', body, headers: ['Content-Type', 'a/b'] });
    expect([echo.status, headerValue(echo.headers, 'content-type')]).toEqual([200, 'a/b']);
    expect(echo.body.equals(body)).toBe(true);
    const unknown = await ask(url, { target: '/no' });
    expect([unknown.status, unknown.body.toString()]).toEqual([404, '404 Not Found']);
    const head = await ask(url, { method: 'HEAD', target: '/' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });
});
