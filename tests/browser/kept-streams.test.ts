import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { balance } from '../fixtures/balancer.ts';
import { answersTo, useBrowser } from '../fixtures/browser.ts';
import { startFeed } from '../fixtures/feed.ts';
import type { Feed } from '../fixtures/feed.ts';
import { fileRedisUrl } from '../fixtures/file-redis.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';
import { openAdmin, testKeys } from '../fixtures/several-servers.ts';

const scratch = useScratch();
const openPage = useBrowser();

interface Parts {
  readonly feed: Feed;
  /** The gateway that the page uses until it is killed. */
  readonly first: ReadyCommand;
  /** A load balancer in front of both gateways. */
  readonly url: string;
}

/** Starts two gateways as processes; the second one has the controller. */
async function startTwo(): Promise<Parts> {
  const { startReady } = await scratch();
  const feed = await startFeed();
  const namespace = `browser-${randomBytes(4).toString('hex')}`;
  const env = {
    REDIS_URL: fileRedisUrl,
    NAMESPACE: namespace,
    REPLICAS: '1',
    HANDLER: handlerFile('fed'),
    ...feed.settings,
  };
  const second = await startReady(env);
  const first = await startReady({ ...env, ROLE: 'gateway' });
  const redis = openAdmin(fileRedisUrl, namespace);
  onTestFinished(async () => {
    const left = await redis.keys(`${testKeys(namespace).prefix}:*`);
    if (left.length > 0) await redis.unlink(...left);
    redis.disconnect();
  });
  return { feed, first, url: await balance([first.url, second.url]) };
}

const event = (id: number): string => `id: ${id}\ndata: event ${id}\n\n`;
const events = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `event ${from + at}`);

/** What the scripts of the page have got so far. */
const heardBy = (page: Page): Promise<{ fetched: string; heard: string[]; closed: boolean }> =>
  page.evaluate('({ fetched, heard, closed: source?.readyState === 2 })');

/**
 * Asks for a stream that is kept, and reads it with `fetch`. If the connection breaks, it reads on behind the
 * bytes that it has. An `EventSource` follows the same stream.
 */
const script = `
  var fetched = '', heard = [], source, id, bytes = 0;
  async function read(response) {
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.length;
      fetched += decoder.decode(value, { stream: true });
    }
  }
  async function readOn(asked) {
    for (;;) {
      try {
        return await read(await asked);
      } catch {
        asked = fetch('/-/requests/' + id + '/reply', { headers: { 'ringpost-offset': String(bytes) } });
      }
    }
  }
  async function begin() {
    const headers = { 'ringpost-keep': 'stream', 'ringpost-key': 'a' };
    const response = await fetch('/events?type=text/event-stream', { headers });
    id = response.headers.get('ringpost-request');
    source = new EventSource('/-/requests/' + id + '/reply');
    source.onmessage = ({ lastEventId, data }) => heard.push(lastEventId + ' ' + data);
    await readOn(response);
    return response.status;
  }
  var ended = begin();
`;

it('EventSource and fetch read a kept stream on at another gateway after theirs was killed', async () => {
  const { feed, first, url } = await startTwo();
  const page = await openPage();
  await page.goto(`${url}/-/live`);
  const answers = answersTo(page);
  await page.evaluate(script);
  let feeding = await feed.next();
  // The browser may have asked for an icon.
  for (; !feeding.asked.includes('/events'); feeding = await feed.next()) feeding.end();
  for (let at = 1; at <= 3; at += 1) {
    feeding.write(event(at));
    await expect
      .poll(() => heardBy(page), { interval: 20 })
      .toMatchObject({
        fetched: Array.from({ length: at }, (_, before) => event(before + 1)).join(''),
        heard: events(1, at).map((each, before) => `${before + 1} ${each}`),
      });
  }
  first.kill('SIGKILL');
  await first.exited;
  for (let at = 4; at <= 6; at += 1) feeding.write(event(at));
  const all = Array.from({ length: 6 }, (_, before) => event(before + 1)).join('');
  await expect.poll(() => heardBy(page), { interval: 20 }).toMatchObject({ fetched: all });
  feeding.write(event(7));
  feeding.end();
  expect(await page.evaluate('ended')).toBe(200);
  // The stream has ended, so the gateway tells the EventSource to ask no more.
  await expect
    .poll(() => heardBy(page), { interval: 20 })
    .toEqual({
      fetched: all + event(7),
      heard: events(1, 7).map((each, before) => `${before + 1} ${each}`),
      closed: true,
    });
  expect(answers.map(({ status }) => status)).toContain(204);
});
