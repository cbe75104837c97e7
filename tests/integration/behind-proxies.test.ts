import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useProxies } from '../fixtures/proxies.ts';
import type { ProxyKind } from '../fixtures/proxies.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { stream } from '../fixtures/streamed-answer.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();
const proxyKinds = useProxies();

/** Starts a gateway, and a proxy that has it three times. */
async function start(kind: ProxyKind) {
  const place = await scratch();
  const ledger = join(place.folder, 'ledger');
  const { url } = await system().start({
    REPLICAS: '1',
    HANDLER: handlerFile('proxied'),
    LEDGER: ledger,
    ...kind.gatewaySettings,
    SHUTDOWN_DELAY_MS: '0',
  });
  const port = Number(new URL(url).port);
  const proxy = await kind.start(place, [port, port, port]);
  return { url: proxy.url, ledger: () => readFile(ledger, 'utf8').catch(() => '') };
}

// `npm test` says at its end which proxy is not installed.
describe.each(proxyKinds)('behind $name', (kind) => {
  it.skipIf(kind.program === undefined)('answers that stream come as they are made', async () => {
    const { url } = await start(kind);
    for (const [target, first] of [
      ['/events?to=20', 'data: 1\n\n'],
      ['/lines?to=20', '{"at":1}\n'],
    ] as const) {
      const answer = await stream(url, target);
      await expect.poll(() => answer.text(), { interval: 10 }).toContain(first);
      expect(answer.outcome()).toBeUndefined();
      expect(answer.text()).not.toContain('20');
      expect(await answer.ended).toBe('clean');
      expect(answer.text()).toContain('20');
    }
  });

  it.skipIf(kind.program === undefined)('a long poll waits, and is answered at the end', async () => {
    const { url } = await start(kind);
    const accepted = await fetch(`${url}/job?ms=1500`, { headers: { prefer: 'respond-async' } });
    const { id } = (await accepted.json()) as { id: string };
    const polled = await fetch(`${url}/-/requests/${id}?wait=20`);
    expect(await polled.json()).toMatchObject({ id, state: 'done' });
  });

  it.skipIf(kind.program === undefined)(
    'a body may have BODY_LIMIT_BYTES, with and without Expect, and more is a problem',
    async () => {
      const { url } = await start(kind);
      const limit = 16 * 1024 * 1024;
      const whole = await ask(url, { method: 'POST', target: '/bytes', body: Buffer.alloc(limit) });
      expect([whole.status, json(whole)]).toEqual([200, limit]);
      const chunked = { method: 'POST', target: '/bytes', body: Buffer.alloc(500_000), chunk: 50_000 };
      expect(json(await ask(url, chunked))).toBe(500_000);
      const more = await ask(url, { method: 'POST', target: '/bytes', body: Buffer.alloc(limit + 1) });
      expect([more.status, json(more)]).toEqual([413, expect.objectContaining({ code: 'body_too_large' })]);

      const head = `POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n`;
      const expecting = await speak(url, head);
      await expecting.until(/^HTTP\/1\.1 100 /);
      expecting.socket.write('12345');
      await expecting.until(/HTTP\/1\.1 200 [^]*\r\n\r\n[^]*5/);
      expecting.socket.destroy();
    },
  );

  it.skipIf(kind.program === undefined)(
    'the replica learns who the client is, and not what the client says of itself',
    async () => {
      const { url } = await start(kind);
      const claims = ['Forwarded', 'for=198.51.100.7', 'X-Forwarded-For', '198.51.100.7'];
      const headers = [...claims, 'X-Real-IP', '198.51.100.7', 'user_id', '7', 'Host', 'shop.test'];
      const answer = await ask(url, { target: '/fields', headers });
      expect(answer.status).toBe(200);
      const fields = new Map(json(answer) as [string, string][]);
      expect(fields.get('host')).toBe('shop.test');
      expect(fields.get('user_id')).toBe('7');
      expect(fields.get('x-forwarded-for')).toBe('127.0.0.1, 127.0.0.1');
      expect(JSON.stringify([...fields])).not.toContain('198.51.100.7');
    },
  );

  it.skipIf(kind.program === undefined)('a client that leaves takes its request back', async () => {
    const { url, ledger } = await start(kind);
    const sent = request(`${url}/slow?ms=20000`);
    sent.on('error', () => undefined);
    sent.end();
    await expect.poll(ledger).toContain('GET /slow S1\n');
    sent.destroy();
    await expect.poll(ledger, { timeout: 5000 }).toContain('GET /slow S1 gone\n');
  });

  it.skipIf(kind.program === undefined)('a connection that a client keeps serves many requests', async () => {
    const { url } = await start(kind);
    const connection = await speak(url, '');
    for (const path of ['/one', '/two', '/three']) {
      connection.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await expect
        .poll(() => connection.heard().split('HTTP/1.1 200 ').length - 1)
        .toBe(['/one', '/two', '/three'].indexOf(path) + 1);
      await delay(50);
    }
    connection.socket.destroy();
  });
});
