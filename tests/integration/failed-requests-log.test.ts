import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import { safeError } from '#shared/process/safe-error.ts';
import { EndedRequests } from '../../gateway/http/ended-requests.ts';
import { createListener } from '../../gateway/http/listener.ts';
import { Counters } from '../fixtures/counters.ts';
import { ask } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** A line of the log. */
interface Line {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string; readonly stack: string };
}

const level = { debug: 20, warn: 40, error: 50 };

it('an unexpected error of a route is logged once with its stack, and each call at debug', async () => {
  const lines: Line[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Line); // as pino writes it
  const { app } = createListener({
    counter: { called: () => undefined, begun: () => undefined, dispatched: () => undefined },
    endedRequests: new EndedRequests(() => 0),
    routeOf: ({ url }) => url ?? '/',
    unread: 'dispatch',
    maxConnections: 10,
    headLimitBytes: 65_536,
    headLimitFields: 1000,
    bodyLimitBytes: 1000,
    log: pino({ level: 'debug', serializers: { err: safeError } }, { write }),
  });
  app.get('/fails', () => {
    throw new TypeError('a bug');
  });
  app.get('/fails-late', async (_, reply) => {
    reply.hijack();
    reply.raw.end('done');
    await Promise.resolve();
    throw new TypeError('a late bug');
  });
  app.get(
    '/hook-fails',
    { onResponse: () => Promise.reject(new TypeError('a bug of a hook')) },
    () => 'done',
  );
  await app.listen({ port: 0, host: '127.0.0.1' });
  const url = app.listeningOrigin;
  const said = async (target: string): Promise<Line[]> => {
    const { status } = await ask(url, { target });
    expect(status).toBe(target === '/fails?secret' ? 500 : 200);
    await expect.poll(() => lines.filter((each) => each.msg.startsWith('a call of')).length).toBe(1);
    return lines.splice(0).toSorted((a, b) => b.level - a.level);
  };
  for (const [target, message] of [
    ['/fails?secret', 'a bug'],
    ['/fails-late?secret', 'a late bug'],
    ['/hook-fails?secret', 'a bug of a hook'],
  ] as const) {
    const [failure, call, ...others] = await said(target);
    expect(failure).toMatchObject({ level: level.error, err: { message } });
    expect(failure?.err?.stack).toMatch(/\n {4}at .*failed-requests-log/);
    expect(call).toMatchObject({ level: level.debug, side: 'admin', method: 'GET' });
    expect(others).toEqual([]);
    expect(JSON.stringify([failure, call])).not.toContain('secret');
  }
  await app.close();
});

it('an unexpected error of dispatch is answered, counted and logged', async () => {
  const { url, gateway } = await system().start({ ROLE: 'gateway', REPLICAS: '0' });
  vi.spyOn(gateway.dispatcher, 'dispatch').mockImplementation(() => {
    throw new TypeError('a bug');
  });
  const answer = await ask(url, { target: '/a' });
  expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([500, { code: 'internal' }]);
  await new Counters(url).expect({ internal: 1 });
});
