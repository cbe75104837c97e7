import { describe, expect, it } from 'vitest';
import { Counters } from '../fixtures/counters.ts';
import type { Counts } from '../fixtures/counters.ts';
import { speak } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const alone = { ROLE: 'gateway', REPLICAS: '0', BODY_LIMIT_BYTES: '1000' };

const get = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
const post = (target: string, fields: string, body = ''): string =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n${body}`;

/** What a client sends, the statuses of its answers, and the counts. */
const ways: readonly (readonly [what: string, bytes: string, statuses: readonly number[], Counts])[] = [
  ['no replica', get('/a'), [503], { no_replica: 1 }],
  ['no replica, async', get('/a', 'Prefer: respond-async\r\n'), [503], { no_replica: 1 }],
  [
    'no replica, with a key',
    post('/a', 'Idempotency-Key: k\r\nContent-Length: 0\r\n'),
    [503],
    { no_replica: 1 },
  ],
  ['a body too large', post('/a', 'Content-Length: 99999999\r\n'), [413], { body_too_large: 1 }],
  [
    'a body that grows too large',
    post('/a', 'Transfer-Encoding: chunked\r\n', `7d0\r\n${'x'.repeat(2000)}`),
    [413],
    { body_too_large: 1 },
  ],
  ['two Hosts', get('/a', 'Host: g\r\n'), [400], { request_malformed: 1 }],
  ['a wrong directive', get('/a', 'Ringpost-Attempts: many\r\n'), [400], { request_malformed: 1 }],
  [
    'another coding',
    post('/a', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    [501],
    { transfer_coding_not_supported: 1 },
  ],
  ['not HTTP', 'hello\r\n\r\n', [400], { request_malformed: 1 }],
  ['not HTTP, twice', 'hello\r\n\r\nhello\r\n\r\n', [400], { request_malformed: 1 }],
  ['a head too large', get('/a', `X: ${'x'.repeat(70_000)}\r\n`), [431], { header_too_large: 1 }],
  [
    'a broken chunk',
    post('/a', 'Transfer-Encoding: chunked\r\n', 'xyz\r\n'),
    [400],
    { request_malformed: 1 },
  ],
  [
    'a broken chunk of an admin call',
    post('/add', 'Transfer-Encoding: chunked\r\n', 'xyz\r\n'),
    [400],
    { 'admin request_malformed': 1 },
  ],
  [
    'an answer, and then bytes that are not HTTP',
    `${get('/-/live')}hello\r\n\r\n`,
    [200, 400],
    { 'client 200': 1, request_malformed: 1 },
  ],
  ['CONNECT', 'CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n', [501], { method_not_supported: 1 }],
  [
    'CONNECT behind another request',
    `${get('/a')}CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n`,
    [503, 501],
    { no_replica: 1, method_not_supported: 1 },
  ],
  [
    'a WebSocket',
    get('/a', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
    [501],
    { upgrade_not_supported: 1 },
  ],
  ['three in one write', get('/a').repeat(3), [503, 503, 503], { no_replica: 3 }],
  ['an unusual method', 'PROPFIND /a HTTP/1.1\r\nHost: h\r\n\r\n', [503], { no_replica: 1 }],
  ['live', get('/-/live?x'), [200], { 'client 200': 1 }],
  ['not ready', get('/-/ready'), [503], { 'client no_replica': 1 }],
  ['an unknown request', get('/-/requests/x'), [404], { 'client not_found': 1 }],
  ['a missing path of the gateway', get('/-/nothing'), [404], { 'admin not_found': 1 }],
  ['a path of the gateway that cannot be decoded', get('/-/%zz'), [400], { 'admin request_malformed': 1 }],
  ['the document', get('/-/openapi.json'), [200], { 'open 200': 1 }],
  ['a wrong method of an admin path', get('/add'), [405], { 'admin 405': 1 }],
  [
    'an admin call that is not JSON',
    post('/add', 'Content-Type: application/json\r\nContent-Length: 1\r\n', '{'),
    [400],
    { 'admin 400': 1 },
  ],
  [
    'an admin call with a body too large',
    post('/add', 'Content-Type: application/json\r\nContent-Length: 99999\r\n'),
    [413],
    { 'admin 413': 1 },
  ],
  ['an admin call from a web page', get('/rep', 'Origin: http://elsewhere\r\n'), [403], { 'admin 403': 1 }],
];

const statusesIn = (heard: string): number[] =>
  Array.from(heard.matchAll(/HTTP\/1\.1 ([2-9]\d\d) /g), ([, status]) => Number(status));

describe('each answer is counted once, with its reason', () => {
  it.each(ways)('%s', async (_, bytes, statuses, counts) => {
    const { url } = await system().start(alone);
    const counters = new Counters(url);
    expect(await counters.read()).toEqual({});
    const { until, heard, socket } = await speak(url, bytes);
    await until(new RegExp(`(?:HTTP/1.1 [2-9][^]*){${statuses.length}}`));
    await counters.expect(counts);
    expect(statusesIn(heard())).toEqual(statuses);
    socket.destroy();
    // The end of the connection is not counted again.
    const other = await speak(url, get('/-/live'));
    await other.until(/live/);
    other.socket.destroy();
    await counters.expect({ ...counts, 'client 200': (counts['client 200'] ?? 0) + 1 });
  });

  it('on a separate admin port', async () => {
    const { url, adminUrl } = await system().start({
      ...alone,
      ADMIN_PORT: '0',
      ADMIN_TOKEN: 'a-token-of-the-test',
    });
    const token = 'Authorization: Bearer a-token-of-the-test\r\n';
    const counts = async (): Promise<string[]> => {
      const { until, socket } = await speak(adminUrl, get('/-/metrics', `${token}Connection: close\r\n`));
      const text = await until(/ringpost_ring_version/);
      socket.destroy();
      return Array.from(
        text.matchAll(/^ringpost_(?:requests|calls)_total(\S+ \d+)$/gm),
        ([, each = '']) => each,
      );
    };
    for (const [to, bytes] of [
      [adminUrl, get('/rep')],
      [adminUrl, 'hello\r\n\r\n'],
      [adminUrl, get('/a')],
      [url, get('/rep')],
      [url, 'hello\r\n\r\n'],
    ] as const) {
      const { until, socket } = await speak(to, bytes);
      await until(/^HTTP\/1\.1 4|^HTTP\/1\.1 503/);
      socket.destroy();
    }
    await expect
      .poll(async () => (await counts()).filter((each) => !each.includes('"200"')))
      .toEqual([
        '{code="503",reason="no_replica",mode="wait"} 1',
        '{code="400",reason="request_malformed",mode="wait"} 1',
        '{side="admin",result="401"} 1',
        '{side="admin",result="request_malformed"} 1',
        '{side="admin",result="not_found"} 1',
      ]);
  });
});
