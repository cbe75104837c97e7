import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { KeptStreamReader } from '#shared/store/streams/kept-stream-reader.ts';
import { KeptStreams } from '#shared/store/streams/kept-streams.ts';
import type { TakenOver } from '#shared/store/streams/kept-streams.ts';
import { FirstBytes } from '../../worker/stream/first-bytes.ts';
import { KeptAppends } from '../../worker/stream/kept-appends.ts';
import { KeptRenewals } from '../../worker/stream/kept-renewals.ts';
import { KeptStreamWriter } from '../../worker/stream/kept-stream-writer.ts';
import { monitored } from '../fixtures/monitored.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const lease = { replica: 'S1', fence: 4 };
const keepMs = 60_000;
const KiB = 1024;
const events = ['content-type', 'text/event-stream'];

let reader: KeptStreamReader;
let streams: KeptStreams;
let appends: KeptAppends;
let renewals: KeptRenewals;

beforeEach(async () => {
  const { redis, keys } = system();
  const connection = new Connection(redis, keys.prefix);
  reader = new KeptStreamReader(connection);
  streams = new KeptStreams(connection, lease, log);
  appends = new KeptAppends(
    (all) => streams.append(all),
    () => undefined,
  );
  renewals = new KeptRenewals((all) => streams.renew(all));
  await redis.set(keys.leaseFence('S1'), 4);
});
afterEach(() => {
  appends.stop();
  renewals.stop();
});

interface Made {
  readonly id?: string;
  readonly first?: string;
  readonly headers?: readonly string[];
  readonly limitBytes?: number;
  readonly keepMs?: number;
  readonly resumed?: TakenOver;
  /** What opens it; Redis by default. */
  readonly streams?: Pick<KeptStreams, 'open'>;
}

/** Redis has answered, and refuses. */
class ReplyError extends Error {
  override name = 'ReplyError';
}

/** Makes a writer, and the source that it reads. */
async function make({ id = 'r', first = '', headers = events, streams: opening, ...terms }: Made = {}) {
  const { redis, keys } = system();
  await redis.hset(keys.request('S1', id), 'state', 'running');
  const source = new ScriptedSource();
  const started = { head: { status: 200, headers }, first: new FirstBytes(Buffer.from(first)), rest: source };
  const now = (): number => performance.now();
  const writing = { streams: opening ?? streams, appends, renewals, now };
  const writer = new KeptStreamWriter(started, { id, keepMs, limitBytes: 1e9, ...terms }, writing);
  return { source, writer, open: () => writer.open(performance.now() + 20_000) };
}

async function kept(id = 'r'): Promise<string | undefined> {
  const stream = { id, ...lease };
  const tail = await reader.tail(stream);
  return tail && (await reader.readWhole(stream, tail.end))?.toString();
}

it('keeps what has come, then what comes, and says what it has kept', async () => {
  const { source, writer, open } = await make({ first: 'id: 1\ndata: a\n\nda' });
  expect(await open()).toBe(true);
  await expect.poll(() => kept()).toBe('id: 1\ndata: a\n\n');
  source.bytes('ta: b\n\nid: 2\ndata: c\n\n');
  await expect.poll(() => kept()).toBe('id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\n');
  source.end();
  expect(await writer.ended).toEqual({ kind: 'whole', stream: { length: 39, entries: 2, lastId: '2' } });
  expect(writer.idleSince).toBeUndefined();
});

it('keeps an event that has not ended when its source ends', async () => {
  const { source, writer, open } = await make({ first: 'data: a\n\n' });
  await open();
  source.bytes('data: b');
  source.end();
  expect(await writer.ended).toMatchObject({ kind: 'whole', stream: { length: 16, lastId: '' } });
  expect(await kept()).toBe('data: a\n\ndata: b');
});

it('keeps an answer without bytes', async () => {
  const { source, writer, open } = await make();
  await open();
  source.end();
  expect(await writer.ended).toEqual({ kind: 'whole', stream: { length: 0, entries: 0, lastId: '' } });
});

it('goes on where an earlier run was taken over', async () => {
  const before = await make({ first: 'id: 1\ndata: a\n\n' });
  await before.open();
  await expect.poll(() => kept()).toBe('id: 1\ndata: a\n\n');
  before.writer.leave('the worker has died');
  expect(await before.writer.ended).toEqual({ kind: 'superseded' });
  expect(before.source.cancelled).toBe('the worker has died');
  const resumed = { offset: 15, entries: 1, lastId: '1' };
  const { source, writer, open } = await make({ resumed, first: 'data: b\n\n' });
  await open();
  source.end();
  expect(await writer.ended).toEqual({ kind: 'whole', stream: { length: 24, entries: 2, lastId: '1' } });
  expect(await kept()).toBe('id: 1\ndata: a\n\ndata: b\n\n');
});

describe('is over', () => {
  it('if the answer is too long', async () => {
    const { source, writer, open } = await make({ limitBytes: 20, headers: [] });
    await open();
    source.bytes('0123456789');
    source.bytes('01234567890');
    expect(await writer.ended).toEqual({ kind: 'aborted', code: 'reply_too_large' });
    expect(source.cancelled).toBe('the answer is too large');
  });

  it('if its source fails', async () => {
    const { source, writer, open } = await make();
    await open();
    const error = new Error('reset');
    source.fail(error);
    expect(await writer.ended).toEqual({ kind: 'failed', error });
  });

  it('if Redis has lost the stream', async () => {
    const { redis, keys } = system();
    const { source, writer, open } = await make();
    await open();
    await redis.del(keys.keptStream('S1', 'r', 4));
    source.bytes('data: a\n\n');
    expect(await writer.ended).toEqual({ kind: 'aborted', code: 'outcome_unknown' });
    expect(source.cancelled).toBe('Redis has lost a part of the stream');
  });

  it('if it is aborted, also while it is opened', async () => {
    const [open, opening] = [await make({ id: 'a' }), await make({ id: 'b' })];
    await open.open();
    open.writer.abort('cancelled', 'no longer wanted');
    const opened = opening.open();
    opening.writer.abort('reply_timeout', 'too late');
    expect([await open.writer.ended, await opening.writer.ended, await opened]).toEqual([
      { kind: 'aborted', code: 'cancelled' },
      { kind: 'aborted', code: 'reply_timeout' },
      // Its job is that of a stream by now, which ends as such a job does.
      true,
    ]);
    expect([open.source.cancelled, opening.source.cancelled]).toEqual(['no longer wanted', 'too late']);
    expect(opening.source.isStarted).toBe(false);
  });

  it('if it is aborted while Redis refuses to open it; it is not tried again', async () => {
    const { redis, keys } = system();
    let tries = 0;
    const refusing: Pick<KeptStreams, 'open'> = {
      open: (...args) => {
        tries += 1;
        return tries > 1 ? streams.open(...args) : Promise.reject(new ReplyError('OOM'));
      },
    };
    const { writer, open } = await make({ streams: refusing });
    const opened = open();
    await expect.poll(() => tries, { interval: 1 }).toBe(1);
    writer.abort('cancelled', 'no longer wanted');
    expect(await opened).toBe(false);
    expect([tries, await redis.scard(keys.streams('S1'))]).toEqual([1, 0]);
  });

  it.each([
    ['state', 'done', { kind: 'endedBefore' }],
    ['stream', '2', { kind: 'aborted', code: 'outcome_unknown' }],
    ['fence', '5', { kind: 'superseded' }],
  ])('before it is open, if Redis refuses because of the %s', async (what, value, end) => {
    const { redis, keys } = system();
    const { source, writer, open } = await make();
    if (what === 'fence') await redis.set(keys.leaseFence('S1'), value);
    else await redis.hset(keys.request('S1', 'r'), what, value);
    expect([await open(), await writer.ended]).toEqual([false, end]);
    expect(source.cancelled).toBe('the stream cannot be kept');
  });
});

it('pauses its source while Redis is slower, and loses nothing', async () => {
  const { source, writer, open } = await make({ headers: [] });
  await open();
  const total = 100;
  let [sent, pauses] = [0, 0];
  while (sent < total) {
    if (source.paused) {
      pauses += 1;
      await expect.poll(() => source.paused, { interval: 1 }).toBe(false);
    }
    source.bytes(Buffer.alloc(64 * KiB, sent));
    sent += 1;
    if (sent % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  source.end();
  expect(await writer.ended).toMatchObject({ kind: 'whole', stream: { length: total * 64 * KiB } });
  expect(pauses).toBeGreaterThan(2);
});

it('pauses its source while Redis is busy with another stream', async () => {
  const { promise: busy, resolve } = Promise.withResolvers<void>();
  const append = streams.append.bind(streams);
  streams.append = async (all) => {
    await busy;
    return append(all);
  };
  const [one, other] = [await make({ id: 'one' }), await make({ id: 'other' })];
  await Promise.all([one.open(), other.open()]);
  one.source.bytes('data: a\n\n');
  await new Promise(setImmediate);
  const event = `data: ${'x'.repeat(KiB)}\n\n`;
  other.source.bytes(event.repeat(300));
  expect(other.source.paused).toBe(true);
  resolve();
  await expect.poll(() => other.source.paused).toBe(false);
  other.source.end();
  expect(await other.writer.ended).toMatchObject({ kind: 'whole' });
});

it('waits while Redis is full, for the opening and for what is appended', async () => {
  const { redis } = system();
  system().expectRefusals();
  const { source, writer, open } = await make();
  const full = (is: boolean): Promise<unknown> => redis.config('SET', 'maxmemory', is ? '1' : '0');
  await full(true);
  await redis.config('RESETSTAT');
  const opened = open();
  try {
    await expect.poll(() => redis.info('errorstats')).toContain('OOM');
    await full(false);
    expect(await opened).toBe(true);
    await full(true);
    source.bytes('data: a\n\n');
    source.end();
    await redis.config('RESETSTAT');
    await expect.poll(() => redis.info('errorstats')).toContain('OOM');
  } finally {
    await full(false);
  }
  expect(await writer.ended).toMatchObject({ kind: 'whole', stream: { length: 9, entries: 1 } });
  expect(await kept()).toBe('data: a\n\n');
});

it('many streams share their writes', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, (_, at) => make({ id: `r${at}`, headers: [] })));
  await Promise.all(all.map(({ open }) => open()));
  for (let turn = 0; turn < 20; turn += 1) {
    for (const [at, { source }] of all.entries()) source.bytes(`${at}:${turn} `);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { source } of all) source.end();
  await Promise.all(all.map(({ writer }) => writer.ended));
  for (const at of [0, 49]) {
    const text = Array.from({ length: 20 }, (_, turn) => `${at}:${turn} `).join('');
    expect(await kept(`r${at}`)).toBe(text);
  }
});

it('is renewed while it runs, and no longer', async () => {
  const { redis, redisUrl, keys } = system();
  const key = keys.keptStream('S1', 'r', 4);
  let renewed = 0;
  await monitored(redisUrl, ([command = '', name]) => {
    if (command.toLowerCase() === 'pexpire' && name === key) renewed += 1;
  });
  const { source, writer, open } = await make({ keepMs: 600 });
  await open();
  const before = renewed;
  await expect.poll(() => renewed - before).toBeGreaterThan(4);
  expect(await redis.exists(key)).toBe(1);
  source.end();
  await writer.ended;
  await expect.poll(() => redis.exists(key)).toBe(0);
});

it('has one renewal under way while Redis is away', async () => {
  let count = 0;
  const renewing = new KeptRenewals(() => {
    count += 1;
    return new Promise(() => undefined);
  });
  const stop = renewing.start({ id: 'r', keepMs: 60 });
  await new Promise((resolve) => {
    setTimeout(resolve, 200);
  });
  stop();
  expect(count).toBe(1);
});
