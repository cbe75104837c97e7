import { describe, expect, it } from 'vitest';
import { RingpostClient } from '#shared/client/client.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { startKeptAnswers } from '../fixtures/kept-answers.ts';
import { readLive } from '../fixtures/live-body.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const sse = { 'content-type': 'text/event-stream' };

describe('a waited request with Ringpost-Keep: stream', () => {
  it('is answered live, and goes on if its client leaves', async () => {
    const { upstream, one } = await startKeptAnswers(system());
    const asking = readLive(`${one}/a`, { method: 'POST', headers: { 'ringpost-keep': 'stream' } });
    const answer = await upstream.take('/a');
    answer.response.writeHead(201, { ...sse, 'cache-control': 'max-age=5' });
    answer.response.write('data: one\n\n');
    const client = await asking;
    const { status, headers } = client.response;
    expect([status, headers.get('cache-control')]).toEqual([201, 'max-age=5']);
    await expect.poll(() => client.text).toBe('data: one\n\n');
    client.leave();
    const reply = `${one}/-/requests/${headers.get('ringpost-request')}/reply`;
    const reader = await readLive(reply);
    answer.response.write('data: two\n\n');
    await expect.poll(() => reader.text).toBe('data: one\n\ndata: two\n\n');
    expect(answer.left).toBe(false);
    answer.response.end();
    await expect.poll(() => reader.end).toBe('whole');
  });

  it('is sent by the typed client, which reads the rest from an offset', async () => {
    const { upstream, one } = await startKeptAnswers(system());
    const client = new RingpostClient(one);
    const asking = client.request('/a', { keep: 'stream' });
    const { response } = await upstream.take('/a');
    response.writeHead(200, sse).write('data: one\n\n');
    const answer = await asking;
    response.end('data: two\n\n');
    expect(await answer.text()).toBe('data: one\n\ndata: two\n\n');
    const id = answer.headers.get('ringpost-request') ?? '';
    const rest = await client.reply(id, { offset: 'data: one\n\n'.length });
    expect(await rest.text()).toBe('data: two\n\n');
  });

  it('gets a short answer whole, and a stream that is cut off is cut off', async () => {
    const { upstream, one } = await startKeptAnswers(system());
    const headers = { 'ringpost-keep': 'stream' };
    const short = fetch(`${one}/short`, { headers });
    (await upstream.take('/short')).response.end('short');
    const answered = await short;
    expect([await answered.text(), answered.headers.get('content-length')]).toEqual(['short', '5']);
    const asking = readLive(`${one}/long`, { headers });
    const { response } = await upstream.take('/long');
    response.writeHead(200, sse).write('data: one\n\n');
    const client = await asking;
    await expect.poll(() => client.text).toBe('data: one\n\n');
    response.destroy();
    await expect.poll(() => client.end).toBe('cut off');
    const refused = await fetch(`${one}/a`, { headers: { 'ringpost-keep': 'all' } });
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { detail: 'Ringpost-Keep is "all"; it must be `stream`.' },
    ]);
  });
});

describe('an idempotent request whose answer is a stream', () => {
  it('gets its stream from the start when it is repeated, while it runs and afterwards', async () => {
    const { upstream, one } = await startKeptAnswers(system());
    const init = { method: 'POST', headers: { 'idempotency-key': 'k' }, body: 'x' };
    const asking = readLive(`${one}/a`, init);
    const { response } = await upstream.take('/a');
    response.writeHead(200, sse).write('data: one\n\n');
    const first = await asking;
    const repeat = await readLive(`${one}/a`, init);
    const all = [first, repeat];
    await expect.poll(() => all.map(({ text }) => text)).toEqual(['data: one\n\n', 'data: one\n\n']);
    response.end('data: two\n\n');
    await expect.poll(() => all.map(({ end }) => end)).toEqual(['whole', 'whole']);
    const later = await fetch(`${one}/a`, init);
    expect(await later.text()).toBe('data: one\n\ndata: two\n\n');
    const replayed = [first, repeat].map((each) => each.response.headers.get('idempotent-replayed'));
    expect([...replayed, later.headers.get('idempotent-replayed')]).toEqual([null, 'true', 'true']);
    expect(upstream.count).toBe(1);
  });

  it('keeps its key while its stream runs, however long that is', async () => {
    const { redis, keys } = system();
    const { upstream, one } = await startKeptAnswers(system(), { IDEMPOTENCY_TTL_S: '2' });
    const headers = { 'idempotency-key': 'k' };
    const asking = readLive(`${one}/a`, { method: 'POST', headers, body: 'x' });
    const { response } = await upstream.take('/a');
    response.writeHead(200, sse).write('data: one\n\n');
    await asking;
    const [claim = ''] = await redis.keys(`${keys.prefix}:idempotency:*`);
    // As if the deadline had passed long ago.
    await redis.pexpire(claim, 1500);
    await expect.poll(() => redis.pttl(claim)).toBeGreaterThan(1500);
    response.end();
  });
});

describe('a request with Prefer: respond-async that waits', () => {
  it('gets a stream whose head comes in time', async () => {
    const { upstream, one } = await startKeptAnswers(system());
    const asking = readLive(`${one}/a`, { method: 'POST', headers: { prefer: 'respond-async, wait=20' } });
    const { response } = await upstream.take('/a');
    response.writeHead(200, sse).write('data: one\n\n');
    const client = await asking;
    const applied = client.response.headers.get('preference-applied');
    expect([client.response.status, applied]).toEqual([200, 'respond-async, wait=20']);
    response.end();
    await expect.poll(() => [client.text, client.end]).toEqual(['data: one\n\n', 'whole']);
  });
});

describe('a slow reader', () => {
  it('holds few bytes at the gateway, delays no other reader, and gets all in the end', async () => {
    const { one, begin } = await startKeptAnswers(system(), { REPLY_LIMIT_BYTES: String(64 * 2 ** 20) });
    const { reply, response } = await begin('/a', 'application/octet-stream');
    const length = 24 * 2 ** 20;
    const bytes = Buffer.alloc(length, 'x');
    const slow = await fetch(`${one}${reply}?wait=20`);
    response.end(bytes);
    const fast = await readLive(`${one}${reply}`);
    await expect.poll(() => [fast.bytes, fast.end]).toEqual([length, 'whole']);
    const held = async (): Promise<number> => {
      const text = await (await fetch(`${one}/-/metrics`)).text();
      return Number(/^ringpost_held_bytes (\d+)/m.exec(text)?.[1]);
    };
    expect(await held()).toBeLessThan(2 ** 20);
    expect((await slow.arrayBuffer()).byteLength).toBe(length);
    await expect.poll(held).toBe(0);
  });
});

describe('a kept stream that has ended', () => {
  it('is what the callback of its request tells', async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const receiver = await callbackReceiver(secret);
    const { begin } = await startKeptAnswers(system(), {
      CALLBACK_SECRET: secret,
      CALLBACK_ALLOW: '127.0.0.0/8',
    });
    const { response } = await begin('/a', 'text/plain', { 'ringpost-callback': receiver.url });
    response.write('one ');
    response.end('two');
    await expect.poll(() => receiver.received.length).toBe(1);
    expect(receiver.received[0]?.message).toMatchObject({
      type: 'request.done',
      data: { reply: { status: 200, body: 'one two' } },
    });
  });
});
