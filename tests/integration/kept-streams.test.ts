import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { readRecord } from '#shared/contract/request-record.ts';
import { RequestSettler } from '#shared/store/records/request-settler.ts';
import type { RequestEnd } from '#shared/store/records/request-settler.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';
import { KeptStreamReader } from '#shared/store/streams/kept-stream-reader.ts';
import type { KeptStream, KeptPiece } from '#shared/store/streams/kept-stream-reader.ts';
import { KeptStreams } from '#shared/store/streams/kept-streams.ts';
import type { Append } from '#shared/store/streams/kept-streams.ts';
import type { WholeStream } from '#shared/store/streams/kept-entry.ts';
import { monitored } from '../fixtures/monitored.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const keepMs = 60_000;
const head = { status: 200, headers: ['content-type', 'text/event-stream'] };
const opened: Connection[] = [];

/** Each test's connections have the rights of the role. */
async function open(role: RedisRole): Promise<Connection> {
  const { redisUrl, namespace } = system();
  const url = roleUrl(redisUrl, namespace, role);
  const connection = openConnection({ url, namespace, name: role, use: 'patient' }, log);
  opened.push(connection);
  await connection.whenReady();
  return connection;
}

let worker: Connection;
let reader: KeptStreamReader;

beforeEach(async () => {
  worker = await open('worker');
  reader = new KeptStreamReader(await open('gateway'));
  const { redis, keys } = system();
  await redis.set(keys.leaseFence('S1'), 4);
  await redis.hset(keys.request('S1', 'r'), 'state', 'running', 'deadline', Date.now() + keepMs);
  await redis.pexpire(keys.request('S1', 'r'), keepMs);
  await redis.lpush(keys.unfinished('S1').active, 'r', 'other');
});
afterEach(() => opened.splice(0).forEach((connection) => connection.close()));

const streamsOf = (fence: number): KeptStreams => new KeptStreams(worker, { replica: 'S1', fence }, log);
const stream = (fence = 4): KeptStream => ({ id: 'r', replica: 'S1', fence });
const keyOf = (fence: number): string => system().keys.keptStream('S1', 'r', fence);

/** @returns entries with these texts, each of which ends between two events. */
function entries(texts: readonly string[], from = 0): Append[] {
  let end = from;
  return texts.map((text) => ({ id: 'r', bytes: Buffer.from(text), end: (end += text.length), lastId: '' }));
}

async function read(from: number, maxBytes?: number, fence = 4): Promise<unknown> {
  const piece = await reader.read(stream(fence), from, maxBytes);
  if (typeof piece === 'string') return piece;
  return [Buffer.concat(piece.parts).toString(), piece.end, piece.isTail];
}

describe('opening', () => {
  it('notes the head, and moves the request from the active list to the running streams', async () => {
    const { redis, keys } = system();
    const [record, key] = [keys.request('S1', 'r'), keyOf(4)];
    expect(await streamsOf(4).open('r', head, keepMs)).toBe('opened');
    expect(readRecord(await redis.hgetall(record), Date.now())).toMatchObject({
      state: 'running',
      change: 1,
      stream: { fence: 4, ...head },
    });
    expect(await redis.lrange(keys.unfinished('S1').active, 0, -1)).toEqual(['other']);
    expect(await redis.smembers(keys.streams('S1'))).toEqual(['r']);
    expect(await redis.pttl(key)).toBeGreaterThan(keepMs - 20_000);
    expect(await redis.pttl(record)).toBeGreaterThan(2 * keepMs - 20_000);
    expect(await read(0)).toEqual(['', 0, true]);
  });

  it('again changes nothing', async () => {
    const { redis, keys } = system();
    const streams = streamsOf(4);
    await streams.open('r', head, keepMs);
    await streams.append(entries(['one']));
    expect(await streams.open('r', head, keepMs)).toBe('opened');
    expect(await redis.smembers(keys.streams('S1'))).toEqual(['r']);
    expect(await read(0)).toEqual(['one', 3, true]);
  });

  it('is refused to a superseded worker, after the end, and without a record or its stream', async () => {
    const { redis, keys } = system();
    const record = keys.request('S1', 'r');
    const outcome = async (fence = 4): Promise<unknown> => [
      await streamsOf(fence).open('r', head, keepMs),
      await redis.exists(keyOf(fence), keys.streams('S1')),
    ];
    expect(await outcome(3)).toEqual(['superseded', 0]);
    await redis.hset(record, 'state', 'cancelled');
    expect(await outcome()).toEqual(['ended', 0]);
    await redis.hset(record, 'state', 'running', 'stream', 3);
    expect(await outcome()).toEqual(['lost', 0]);
    await redis.hset(record, 'stream', 4);
    expect(await outcome()).toEqual(['lost', 0]);
    await redis.del(record);
    expect(await outcome()).toEqual(['lost', 0]);
    expect(await redis.lrange(keys.unfinished('S1').active, 0, -1)).toEqual(['other', 'r']);
  });

  it.each(['record', 'stream', 'running streams'])('moves a garbled %s aside', async (what) => {
    const { redis, keys } = system();
    const key = { record: keys.request('S1', 'r'), stream: keyOf(4), 'running streams': keys.streams('S1') };
    const garbled = key[what as keyof typeof key];
    await redis.del(garbled);
    await redis.zadd(garbled, 1, 'garbage');
    expect(await streamsOf(4).open('r', head, keepMs)).toBe(what === 'record' ? 'lost' : 'opened');
    expect(await redis.type(garbled)).not.toBe('zset');
  });
});

describe('appending', () => {
  beforeEach(() => streamsOf(4).open('r', head, keepMs));

  it('tells those who follow, once for each stream', async () => {
    const { redis, keys } = system();
    const heard: string[] = [];
    const subscriber = redis.duplicate();
    subscriber.on('message', (channel) => heard.push(channel));
    const channel = keys.bytesChannel('S1', 'r');
    await subscriber.subscribe(channel, 'end');
    expect(await streamsOf(4).append(entries(['one', 'two']))).toEqual([true, true]);
    await redis.publish('end', '');
    await expect.poll(() => heard).toEqual([channel, 'end']);
    subscriber.disconnect();
    expect(await read(0)).toEqual(['onetwo', 6, true]);
  });

  it('of what Redis has already changes nothing', async () => {
    const streams = streamsOf(4);
    await streams.append(entries(['one', 'two']));
    expect(await streams.append(entries(['one', 'two', 'three']))).toEqual([true, true, true]);
    expect(await read(0)).toEqual(['onetwothree', 11, true]);
    expect(await system().redis.xlen(keyOf(4))).toBe(4);
  });

  it('of another entry in the place of one that Redis has is refused', async () => {
    const streams = streamsOf(4);
    await streams.append(entries(['longer']));
    expect(await streams.append(entries(['one']))).toEqual([false]);
  });

  it('makes no key', async () => {
    const { redis } = system();
    await redis.del(keyOf(4));
    expect(await streamsOf(4).append(entries(['one']))).toEqual([false]);
    expect([await redis.exists(keyOf(4)), await read(0)]).toEqual([0, 'gone']);
  });

  it('rejects if Redis takes nothing for now, and may be done again', async () => {
    const { redis } = system();
    system().expectRefusals();
    const streams = streamsOf(4);
    await redis.config('SET', 'maxmemory', '1');
    try {
      await expect(streams.append(entries(['one']))).rejects.toThrow('OOM');
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
    expect(await streams.append(entries(['one']))).toEqual([true]);
    expect(await read(0)).toEqual(['one', 3, true]);
  });

  it('keeps bytes of any value', async () => {
    const bytes = randomBytes(64 * 1024);
    await streamsOf(4).append([{ id: 'r', bytes, end: bytes.length, lastId: undefined }]);
    expect((await reader.readWhole(stream(), bytes.length))?.equals(bytes)).toBe(true);
    expect((await reader.tail(stream()))?.lastId).toBeUndefined();
  });

  it('is followed by renewals, which only raise the TTL of the record', async () => {
    const { redis, keys } = system();
    const record = keys.request('S1', 'r');
    const other = keys.request('S1', 'other');
    await redis.hset(other, 'state', 'running');
    await redis.pexpire(other, 10 * keepMs);
    await redis.pexpire(record, keepMs);
    await redis.pexpire(keyOf(4), 1000);
    await streamsOf(4).renew([
      { id: 'r', keepMs },
      { id: 'other', keepMs },
    ]);
    expect(await redis.pttl(keyOf(4))).toBeGreaterThan(keepMs - 20_000);
    expect(await redis.pttl(record)).toBeGreaterThan(2 * keepMs - 20_000);
    expect(await redis.pttl(other)).toBeGreaterThan(9 * keepMs);
  });

  it('keeps the idempotency key and the body of its request as long as itself', async () => {
    const { redis, keys } = system();
    const [claim, body] = [keys.idempotency('scope'), keys.requestBody('S1', 'r')];
    await redis.set(claim, 'of r', 'PX', 1000);
    await redis.set(body, 'bytes', 'PX', 1000);
    await streamsOf(4).renew([{ id: 'r', keepMs }]);
    expect(await redis.pttl(claim)).toBeLessThan(1001);
    await streamsOf(4).renew([{ id: 'r', keepMs, claim: 'scope', hasStoredBody: true }]);
    expect(await redis.pttl(claim)).toBeGreaterThan(keepMs - 20_000);
    expect(await redis.pttl(body)).toBeGreaterThan(keepMs - 20_000);
  });
});

describe('taking over', () => {
  const supersede = (fence = 5): Promise<unknown> =>
    system().redis.set(system().keys.leaseFence('S1'), fence);

  it('says where the stream ends, and leaves the late worker without a key', async () => {
    const { redis, keys } = system();
    const before = streamsOf(4);
    await before.open('r', head, keepMs);
    await before.append(entries(['one']));
    await before.append([{ id: 'r', bytes: Buffer.from('two'), end: 6, lastId: 'ä 2' }]);
    await supersede();
    const taken = { offset: 6, entries: 2, lastId: 'ä 2' };
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toEqual(taken);
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toEqual(taken);
    expect(await redis.hget(keys.request('S1', 'r'), 'stream')).toBe('5');
    expect(await before.append(entries(['late'], 6))).toEqual([false]);
    expect(await before.open('r', head, keepMs)).toBe('superseded');
    await redis.lpush(keys.unfinished('S1').active, 'r');
    expect(await streamsOf(5).open('r', head, keepMs)).toBe('opened');
    expect(await streamsOf(5).append(entries(['three'], 6))).toEqual([true]);
    expect([await read(0), await read(0, undefined, 5)]).toEqual(['gone', ['onetwothree', 11, true]]);
    expect(await redis.lrange(keys.unfinished('S1').active, 0, -1)).toEqual(['other']);
  });

  it('says that a stream has no bytes yet, or does not end between two events', async () => {
    const streams = streamsOf(4);
    await streams.open('r', head, keepMs);
    await supersede();
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toEqual({ offset: 0, entries: 0, lastId: '' });
    await streamsOf(5).append([{ id: 'r', bytes: Buffer.from('x'), end: 1, lastId: undefined }]);
    await supersede(6);
    const taken = { offset: 1, entries: 1, lastId: undefined };
    expect(await streamsOf(6).takeOver('r', 5, keepMs)).toEqual(taken);
  });

  it.each([3, 6])('refuses a stream that has lost the bytes up to %d', async (end) => {
    const streams = streamsOf(4);
    await streams.open('r', head, keepMs);
    await streams.append(entries(['one', 'two', 'three']));
    await supersede();
    await system().redis.xdel(keyOf(4), `${end}-0`);
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toBe('lost');
  });

  it('is refused to a superseded worker, after the end, and if the stream is gone', async () => {
    const { redis, keys } = system();
    const record = keys.request('S1', 'r');
    await streamsOf(4).open('r', head, keepMs);
    expect(await streamsOf(3).takeOver('r', 4, keepMs)).toBe('superseded');
    await supersede();
    expect(await streamsOf(5).takeOver('r', 3, keepMs)).toBe('lost');
    await redis.hset(record, 'state', 'done');
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toBe('ended');
    await redis.hset(record, 'state', 'running');
    await redis.del(keyOf(4));
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toBe('lost');
    await redis.del(record);
    expect(await streamsOf(5).takeOver('r', 4, keepMs)).toBe('lost');
  });
});

describe('the end', () => {
  const settle = (whole: WholeStream, fence = 4): Promise<string> => {
    const end: RequestEnd = {
      state: 'done',
      event: { kind: 'ended' },
      fields: ['status', 200],
      keepMs,
      frame: undefined,
      stream: whole,
    };
    return new RequestSettler(worker, { replica: 'S1', fence }, log).settle('r', {}, end);
  };

  it('is noted if Redis has all entries', async () => {
    const { redis, keys } = system();
    const record = keys.request('S1', 'r');
    const streams = streamsOf(4);
    await streams.open('r', head, keepMs);
    await streams.append(entries(['one', 'two']));
    const whole = { length: 6, entries: 2, lastId: 'two' };
    expect(await settle({ ...whole, length: 3, entries: 1 })).toBe('streamLost');
    expect(await settle({ ...whole, entries: 3 })).toBe('streamLost');
    expect(await settle({ ...whole, length: 7 })).toBe('streamLost');
    expect(await settle(whole, 3)).toBe('superseded');
    expect(readRecord(await redis.hgetall(record), Date.now())?.state).toBe('running');
    await redis.pexpire(keyOf(4), 1000);
    expect(await settle(whole)).toBe('settled');
    expect(readRecord(await redis.hgetall(record), Date.now())).toMatchObject({
      state: 'done',
      status: 200,
      stream: { fence: 4, length: 6, lastId: 'two' },
    });
    expect(await redis.pttl(keyOf(4))).toBeGreaterThan(keepMs - 20_000);
    expect(await redis.exists(keys.keptReply('S1', 'r'))).toBe(0);
    expect(await settle(whole)).toBe('endedBefore');
  });

  it('of a stream without bytes is noted, but not if the stream is gone', async () => {
    const { redis } = system();
    await streamsOf(4).open('r', head, keepMs);
    await redis.rename(keyOf(4), `${keyOf(4)}:elsewhere`);
    const whole = { length: 0, entries: 0, lastId: '' };
    expect(await settle(whole)).toBe('streamLost');
    await redis.rename(`${keyOf(4)}:elsewhere`, keyOf(4));
    expect(await settle(whole)).toBe('settled');
  });

  it('keeps the stream until its callback is sent', async () => {
    const { redis, keys } = system();
    const record = keys.request('S1', 'r');
    await redis.hset(record, 'callback', 'pending');
    await streamsOf(4).open('r', head, keepMs);
    expect(await settle({ length: 0, entries: 0, lastId: '' })).toBe('settled');
    expect(await redis.pttl(keyOf(4))).toBeGreaterThan(9 * 60_000);
    expect(await redis.pttl(record)).toBeGreaterThan(9 * 60_000);
  });
});

describe('reading', () => {
  beforeEach(() => streamsOf(4).open('r', head, keepMs));

  it('starts within an entry, and brings at most so many bytes', async () => {
    const piece = 64 * 1024;
    const bytes = randomBytes(10 * piece);
    const appends = Array.from({ length: 10 }, (_, at) => ({
      id: 'r',
      bytes: bytes.subarray(at * piece, (at + 1) * piece),
      end: (at + 1) * piece,
      lastId: undefined,
    }));
    await streamsOf(4).append(appends);
    const got: Buffer[] = [];
    const ends: [number, boolean][] = [];
    for (let at = 10; at < bytes.length;) {
      const { parts, end, isTail } = (await reader.read(stream(), at)) as KeptPiece;
      got.push(...parts);
      ends.push([end, isTail]);
      expect(end - at).toBeLessThanOrEqual(256 * 1024);
      at = end;
    }
    expect(Buffer.concat(got).equals(bytes.subarray(10))).toBe(true);
    expect(ends).toEqual([
      [4 * piece, false],
      [8 * piece, false],
      [10 * piece, true],
    ]);
    expect((await reader.readWhole(stream(), bytes.length))?.equals(bytes)).toBe(true);
  });

  it('brings at most 2048 entries', async () => {
    await streamsOf(4).append(entries(Array.from({ length: 3000 }, () => 'x')));
    expect(await reader.read(stream(), 0)).toMatchObject({ end: 2048, isTail: false });
    expect(await reader.read(stream(), 2048)).toMatchObject({ end: 3000, isTail: true });
  });

  it('finds gaps, of any size', async () => {
    const streams = streamsOf(4);
    await streams.append([...entries(['one']), ...entries(['two'], 5)]);
    expect([await read(0), await read(3)]).toEqual([['one', 3, false], 'gap']);
    expect(await reader.readWhole(stream(), 8)).toBeUndefined();
    await streams.append(entries(['far'], 2 ** 40));
    expect(await read(8)).toBe('gap');
  });

  it('of a key of another type, or of none, finds nothing', async () => {
    const { redis } = system();
    await redis.set(keyOf(4), 'garbage');
    expect([await read(0), await reader.tail(stream())]).toEqual(['gone', undefined]);
    await redis.del(keyOf(4));
    expect([await read(0), await reader.readWhole(stream(), 1)]).toEqual(['gone', undefined]);
  });
});

describe('the place of an event', () => {
  /** Appends events with these ids, `size` bytes to an entry. */
  async function append(ids: readonly (string | undefined)[], perEntry: number): Promise<number[]> {
    await streamsOf(4).open('r', head, keepMs);
    const texts = ids.map((id, at) => `${id === undefined ? '' : `id: ${id}\n`}data: ${at}\n\n`);
    const appends: Append[] = [];
    const ends: number[] = [];
    let [end, lastId] = [0, ''];
    for (let at = 0; at < texts.length; at += perEntry) {
      const group = texts.slice(at, at + perEntry);
      for (const [index, text] of group.entries()) {
        ends.push((end += text.length));
        lastId = ids[at + index] ?? lastId;
      }
      appends.push({ id: 'r', bytes: Buffer.from(group.join('')), end, lastId });
    }
    await streamsOf(4).append(appends);
    return ends;
  }

  it.each([1, 3, 7])('is found wherever it is, with %d events to an entry', async (perEntry) => {
    const ids = Array.from({ length: 100 }, (_, at) => String(at));
    const ends = await append(ids, perEntry);
    for (const at of [0, 1, 2, 3, 6, 7, 50, 98, 99]) {
      expect(await reader.offsetOfEvent(stream(), String(at))).toBe(ends[at]);
    }
    expect(await reader.offsetOfEvent(stream(), '100')).toBeUndefined();
  });

  it('is behind the events after it that have no id of their own', async () => {
    const ends = await append(['a', undefined, undefined, 'b', undefined, 'a', undefined], 2);
    expect(await reader.offsetOfEvent(stream(), 'a')).toBe(ends[6]);
    expect(await reader.offsetOfEvent(stream(), 'b')).toBe(ends[4]);
    expect(await reader.offsetOfEvent(stream(), 'data')).toBeUndefined();
  });

  it('is found if the event is longer than an entry', async () => {
    await streamsOf(4).open('r', head, keepMs);
    const text = `id: 1\ndata: x\n\nid: 2\ndata: ${'y'.repeat(100_000)}\n\nid: 3\ndata: z\n\n`;
    const [first, second] = [15, 15 + 6 + 6 + 100_000 + 2];
    const cut = (from: number, end: number, lastId?: string): Append => ({
      id: 'r',
      bytes: Buffer.from(text.slice(from, end)),
      end,
      lastId,
    });
    const { length } = text;
    await streamsOf(4).append([cut(0, first, '1'), cut(first, 60_000), cut(60_000, length, '3')]);
    const found = await Promise.all(['1', '2', '3', '4'].map((id) => reader.offsetOfEvent(stream(), id)));
    expect(found).toEqual([first, second, length, undefined]);
  });

  it('is found in few reads, each of few bytes, also if no event ends for long', async () => {
    const { redisUrl } = system();
    await streamsOf(4).open('r', head, keepMs);
    const KiB = 1024;
    const appends: Append[] = [];
    let end = 0;
    const add = (text: string, lastId?: string): void => {
      end += text.length;
      appends.push({ id: 'r', bytes: Buffer.from(text), end, lastId });
    };
    for (let at = 0; at < 3000; at += 1) add(`id: a${at}\n\n`, `a${at}`);
    const small = end;
    // Events end within these entries alone.
    for (let at = 0; at < 40; at += 1) add(`\n\nid: b${at}\ndata: ${'x'.repeat(60 * KiB)}`);
    await streamsOf(4).append(appends);
    let reads = 0;
    // The monitor may still bring lines when the test has just ended.
    const streamKey = keyOf(4);
    await monitored(redisUrl, ([command = '', key]) => {
      if (/^x(?:rev)?range$/i.test(command) && key === streamKey) reads += 1;
    });
    const behind = async (lastId: string): Promise<string | undefined> => {
      const found = await reader.offsetOfEvent(stream(), lastId);
      return found === undefined ? undefined : String(await read(found)).slice(0, 9);
    };
    expect(await behind('b38')).toBe('id: b39\nd');
    expect(await behind('b7')).toBe('id: b8\nda');
    expect(await reader.offsetOfEvent(stream(), 'a2999')).toBe(small + 2);
    expect(await reader.offsetOfEvent(stream(), 'b39')).toBeUndefined();
    reads = 0;
    expect(await reader.offsetOfEvent(stream(), 'a1')).toBe('id: a0\n\nid: a1\n\n'.length);
    await expect.poll(() => reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(40);
    expect(await reader.offsetOfEvent(stream(), 'a1', () => false)).toBeUndefined();
  });
});
