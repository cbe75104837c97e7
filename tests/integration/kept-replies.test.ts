import { describe, expect, it } from 'vitest';
import { anotherGateway, startKeptAnswers } from '../fixtures/kept-answers.ts';
import type { KeptAnswers } from '../fixtures/kept-answers.ts';
import { readLive } from '../fixtures/live-body.ts';
import type { LiveBody } from '../fixtures/live-body.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import type { WrittenUpstream } from '../fixtures/written-upstream.ts';

const system = useSystem();

const start = (settings?: NodeJS.ProcessEnv): Promise<KeptAnswers> => startKeptAnswers(system(), settings);
const another = (upstream: WrittenUpstream, settings?: NodeJS.ProcessEnv): Promise<RunningGateway> =>
  anotherGateway(system(), upstream, settings);

const textOf = (all: readonly LiveBody[]): string[] => all.map(({ text }) => text);
const endOf = (all: readonly LiveBody[]): string[] => all.map(({ end }) => end);

/** Waits until the answer has `bytes` bytes. */
async function has(one: string, reply: string, bytes: number): Promise<void> {
  const next = async (): Promise<unknown> => {
    const response = await fetch(`${one}${reply}?offset=now`);
    return Number(response.headers.get('stream-next-offset'));
  };
  await expect.poll(next).toBe(bytes);
}

describe('the answer of an async request that streams', () => {
  it('is followed from its start, at any gateway, by many readers, until its end', async () => {
    const { upstream, one, begin } = await start();
    const two = (await another(upstream)).url;
    const { reply, response } = await begin('/a');
    response.write('id: 1\ndata: one\n\n');
    const readers = await Promise.all([one, two, two, one].map((url) => readLive(`${url}${reply}?wait=20`)));
    for (const { response: answer } of readers) {
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        answer: 'a',
        'ringpost-replica': 'S1',
      });
      expect(answer.headers.get('content-length')).toBeNull();
    }
    const first = 'id: 1\ndata: one\n\n';
    await expect.poll(() => textOf(readers)).toEqual(readers.map(() => first));
    expect(endOf(readers)).toEqual(readers.map(() => 'open'));
    response.end('id: 2\ndata: two\n\n');
    await expect.poll(() => endOf(readers)).toEqual(readers.map(() => 'whole'));
    const whole = `${first}id: 2\ndata: two\n\n`;
    expect(textOf(readers)).toEqual(readers.map(() => whole));
    const later = await fetch(`${two}${reply}`);
    expect(later.headers.get('content-length')).toBe(String(whole.length));
    expect(await later.text()).toBe(whole);
    const head = await fetch(`${two}${reply}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), head.headers.get('answer')]).toEqual([
      200,
      String(whole.length),
      'a',
    ]);
  });

  it('is awaited before its head, or is not there yet', async () => {
    const { one, upstream, submit } = await start();
    const reply = await submit('/a');
    const { response } = await upstream.take('/a');
    const early = await fetch(`${one}${reply}`);
    expect([early.status, await early.json()]).toMatchObject([409, { code: 'not_finished' }]);
    const waiting = readLive(`${one}${reply}?wait=20`);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n');
    const reader = await waiting;
    await expect.poll(() => reader.text).toBe('data: one\n\n');
    response.end();
    await expect.poll(() => reader.end).toBe('whole');
  });

  it('is cut off for all readers if it is not complete, and is a problem then', async () => {
    const { one, begin } = await start();
    const { reply, response } = await begin('/a');
    response.write('data: one\n\n');
    const reader = await readLive(`${one}${reply}?wait=20`);
    await expect.poll(() => reader.text).toBe('data: one\n\n');
    const polling = fetch(`${one}${reply}?offset=now&live=long-poll`);
    response.destroy();
    await expect.poll(() => reader.end).toBe('cut off');
    await expect.poll(async () => (await fetch(`${one}${reply}`)).status).toBe(502);
    for (const problem of [await polling, await fetch(`${one}${reply}?offset=0000000000000005`)]) {
      expect([problem.status, problem.headers.get('x-content-type-options')]).toEqual([502, 'nosniff']);
      expect(await problem.json()).toMatchObject({ status: 502 });
    }
    const state = await fetch(`${one}${reply.replace('/reply', '')}`);
    expect(await state.json()).toMatchObject({ state: 'failed', status: 502 });
    const aborted = 'ringpost_streams_aborted_total{cause="outcome_unknown"}';
    expect((await metricValues(one)).get(aborted)).toBe(1);
  });

  it('goes on if readers leave, and ends if it is cancelled', async () => {
    const { one, begin } = await start();
    const begun = await begin('/a');
    const { reply, response } = begun;
    response.write('data: one\n\n');
    const leaving = await readLive(`${one}${reply}?wait=20`);
    await expect.poll(() => leaving.text).toBe('data: one\n\n');
    leaving.leave();
    const staying = await readLive(`${one}${reply}`);
    response.write('data: two\n\n');
    await expect.poll(() => staying.text).toBe('data: one\n\ndata: two\n\n');
    expect(begun.left).toBe(false);
    expect((await fetch(`${one}${reply.replace('/reply', '')}`, { method: 'DELETE' })).status).toBe(200);
    await expect.poll(() => staying.end).toBe('cut off');
    await expect.poll(() => begun.left).toBe(true);
    const after = await fetch(`${one}${reply}`);
    expect([after.status, await after.json()]).toMatchObject([409, { code: 'cancelled' }]);
  });

  it('is gone once its time is over', async () => {
    const { one, begin } = await start({ RESULT_TTL_S: '2' });
    const { reply, response } = await begin('/a');
    response.end('data: one\n\n');
    await expect.poll(async () => (await fetch(`${one}${reply}?wait=5`)).status).toBe(410);
  });

  it('counts its readers as watches', async () => {
    const { one, begin } = await start({ WATCH_LIMIT: '1' });
    const { reply, response } = await begin('/a');
    response.write('data: one\n\n');
    const reader = await readLive(`${one}${reply}?wait=20`);
    await expect.poll(() => reader.text).toBe('data: one\n\n');
    const refused = await fetch(`${one}${reply}`);
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'over_capacity' }]);
    response.end();
    await expect.poll(() => reader.end).toBe('whole');
    expect((await fetch(`${one}${reply}`)).status).toBe(200);
  });

  it('is followed at another gateway once its own has stopped, which lets its readers end first', async () => {
    const { upstream, first, one, begin } = await start({ DRAIN_TIMEOUT_MS: '3000' });
    const second = await another(upstream, { DRAIN_TIMEOUT_MS: '3000' });
    const [short, long] = [await begin('/short', 'text/plain'), await begin('/long', 'text/plain')];
    short.response.write('one');
    long.response.write('one');
    const urls = [short.reply, long.reply].map((reply) => `${second.url}${reply}?wait=20`);
    const readers = await Promise.all(urls.map((url) => readLive(url)));
    const [ends, lasts] = readers;
    await expect.poll(() => textOf(readers)).toEqual(['one', 'one']);
    const stopping = second.stop();
    short.response.end(' two');
    await expect.poll(() => [ends?.text, ends?.end]).toEqual(['one two', 'whole']);
    await stopping;
    await expect.poll(() => lasts?.end).toBe('cut off');
    const elsewhere = await readLive(`${one}${long.reply}`, { headers: { 'ringpost-offset': '3' } });
    long.response.end(' three');
    await expect.poll(() => [elsewhere.text, elsewhere.end]).toEqual([' three', 'whole']);
    expect(first.url).toBe(one);
  });
});

describe('a part of an answer', () => {
  const whole = 'id: 1\ndata: one\n\nid: 2\ndata: two\n\n';

  it('is read from an offset, a range, or behind an event, while the answer runs', async () => {
    const { one, begin } = await start();
    const { reply, response } = await begin('/a');
    response.write(whole);
    await has(one, reply, whole.length);
    const read = (headers: Record<string, string>): Promise<LiveBody> =>
      readLive(`${one}${reply}`, { headers });
    const range = await read({ range: 'bytes=6-' });
    expect([range.response.status, range.response.headers.get('content-range')]).toEqual([
      206,
      `bytes 6-${whole.length - 1}/*`,
    ]);
    await expect.poll(() => [range.text, range.end]).toEqual([whole.slice(6), 'whole']);
    const past = await read({ range: `bytes=${whole.length}-` });
    expect([past.response.status, past.response.headers.get('content-range')]).toEqual([416, null]);
    await expect.poll(() => past.text).toContain('range_not_satisfiable');
    const live = await Promise.all([
      read({ 'ringpost-offset': '17' }),
      read({ range: `bytes=17-${Number.MAX_SAFE_INTEGER}` }),
      read({ 'last-event-id': '1' }),
    ]);
    expect(live.map((each) => [each.response.status, each.response.headers.get('ringpost-offset')])).toEqual([
      [200, '17'],
      [206, null],
      [200, '17'],
    ]);
    await expect.poll(() => textOf(live)).toEqual(live.map(() => whole.slice(17)));
    response.end('id: 3\ndata\n\n');
    await expect.poll(() => endOf(live)).toEqual(live.map(() => 'whole'));
    expect(textOf(live)).toEqual(live.map(() => `${whole.slice(17)}id: 3\ndata\n\n`));
    const last = await read({ 'last-event-id': '3' });
    expect(last.response.status).toBe(204);
    const unknown = await read({ 'last-event-id': 'x' });
    await expect.poll(() => unknown.text).toContain('data: one');
  });

  it('is read behind an event whose id is not ASCII, as browsers send it', async () => {
    const { one, begin } = await start();
    const { reply, response } = await begin('/a');
    const event = 'id: \u00e9\ndata: one\n\n';
    response.write(event);
    await has(one, reply, Buffer.byteLength(event));
    const inUtf8 = Buffer.from('\u00e9').toString('latin1');
    for (const lastId of [inUtf8, '\u00e9']) {
      const reader = await readLive(`${one}${reply}`, { headers: { 'last-event-id': lastId } });
      expect(reader.response.headers.get('ringpost-offset')).toBe('18');
    }
    response.end('data: two\n\n');
  });

  it('is read in the same way if the answer was kept whole', async () => {
    const { one, upstream, submit } = await start();
    const reply = await submit('/a');
    const { response } = await upstream.take('/a');
    const type = { 'content-type': 'text/event-stream', 'content-length': String(whole.length) };
    response.writeHead(200, type).end(whole);
    const read = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${one}${reply}?wait=20`, { headers });
    const range = await read({ range: 'bytes=6-9' });
    expect([range.status, range.headers.get('content-range'), await range.text()]).toEqual([
      206,
      `bytes 6-9/${whole.length}`,
      whole.slice(6, 10),
    ]);
    const past = await read({ 'ringpost-offset': '99' });
    expect([past.status, past.headers.get('content-range')]).toEqual([416, `bytes */${whole.length}`]);
    expect(await past.json()).toMatchObject({ code: 'range_not_satisfiable' });
    const behind = await read({ 'last-event-id': '1' });
    expect([behind.status, await behind.text()]).toEqual([200, whole.slice(17)]);
    expect((await read({ 'last-event-id': '2' })).status).toBe(204);
    expect(await (await read({})).text()).toBe(whole);
  });
});
