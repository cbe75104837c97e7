import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { counted, Counters, sumOf } from '../fixtures/counters.ts';
import { speak } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const alone = { ROLE: 'gateway', REPLICAS: '0' };

const head = (line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n');

/** Requests after which the connection stays open. */
const going = [
  head('GET /a'),
  head('HEAD /a'),
  head('GET /-/live'),
  head('GET /-/ready'),
  head('GET /-/requests/none'),
  head('GET /-/none'),
  head('PURGE /a', 'Prefer: respond-async'),
  head('DELETE /add'),
  `${head('POST /a', 'Content-Length: 5')}hello`,
  `${head('POST /a', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`,
  `${head('POST /add', 'Content-Type: application/json', 'Content-Length: 2')}{}`,
  head('GET /a', 'Ringpost-Attempts: many'),
];
/** Messages after which the connection closes. */
const ending = [
  head('GET /-/live', 'Connection: close'),
  head('GET /a', 'Connection: close'),
  head('POST /a', 'Content-Length: 99999'),
  `${head('POST /a', 'Transfer-Encoding: chunked')}zzz\r\n`,
  `${head('POST /add', 'Content-Type: application/json', 'Transfer-Encoding: chunked')}zzz\r\n`,
  'garbage\r\n\r\n',
  head('CONNECT h:1'),
  head('GET /a', 'Connection: Upgrade', 'Upgrade: websocket'),
  head('GET /a', `X: ${'x'.repeat(70_000)}`),
  head('GET /a', 'Host: other', 'Connection: close'),
];

interface Client {
  readonly requests: readonly string[];
  readonly last: string;
  /** Where the bytes are cut into writes, as fractions of their length. */
  readonly cuts: readonly number[];
  /** The number of writes after which the client leaves; undefined if it reads all answers. */
  readonly leavesAfter: number | undefined;
}

const client: fc.Arbitrary<Client> = fc.record({
  requests: fc.array(fc.constantFrom(...going), { maxLength: 6 }),
  last: fc.constantFrom(...ending),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
  leavesAfter: fc.option(fc.nat({ max: 4 }), { nil: undefined, freq: 2 }),
});

const answersIn = (heard: string): number => heard.match(/HTTP\/1\.1 [2-9]\d\d /g)?.length ?? 0;

/** @returns the lowest and highest number of answers that may be counted for a client. */
async function run(url: string, { requests, last, cuts, leavesAfter }: Client): Promise<[number, number]> {
  const bytes = requests.join('') + last;
  const at = cuts.map((cut) => Math.floor(cut * bytes.length)).toSorted((a, b) => a - b);
  const parts = [...at, bytes.length].map((end, index) => bytes.slice(at[index - 1] ?? 0, end));
  const { socket, until, heard } = await speak(url, '');
  for (const part of parts.slice(0, leavesAfter)) {
    await new Promise((resolve) => socket.write(part, 'latin1', resolve));
  }
  if (leavesAfter === undefined) {
    // The bodies are JSON. The gateway would wait for the rest of a body that is too large.
    const answers = answersIn(await until(/\r\nConnection: close\r\n[^]*\}$/));
    socket.destroy();
    return [answers, answers];
  }
  const answers = answersIn(heard());
  socket.destroy();
  return [answers, requests.length + 1];
}

it('counts each answer that a client reads, and no request twice', async () => {
  const { url, gateway } = await system().start({ ...alone, BODY_LIMIT_BYTES: '1000' });
  const counters = new Counters(url);
  const { server } = gateway.app;
  const open = promisify(server.getConnections.bind(server));
  let before = await counters.read();
  await fc.assert(
    fc.asyncProperty(fc.array(client, { minLength: 1, maxLength: 6 }), async (clients) => {
      const bounds = await Promise.all(clients.map((each) => run(url, each)));
      const least = bounds.reduce((sum, [low]) => sum + low, 0);
      const most = bounds.reduce((sum, [, high]) => sum + high, 0);
      // Once all connections are closed, nothing more is counted for these clients.
      await expect.poll(() => open(), { timeout: 10_000, interval: 5 }).toBe(0);
      const after = await counters.read();
      const sum = sumOf(counted(before, after));
      before = after;
      expect(sum).toBeGreaterThanOrEqual(least);
      expect(sum).toBeLessThanOrEqual(most);
    }),
    { numRuns: 200 },
  );
}, 60_000);
