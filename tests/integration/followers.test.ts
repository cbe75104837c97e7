import { beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { RequestChanges } from '#shared/store/records/request-changes.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import { RequestSettler } from '#shared/store/records/request-settler.ts';
import { BytesFeed } from '#shared/store/streams/bytes-feed.ts';
import { KeptStreamReader } from '#shared/store/streams/kept-stream-reader.ts';
import { KeptStreams } from '#shared/store/streams/kept-streams.ts';
import { Connections } from '../../gateway/http/connections.ts';
import { Watches } from '../../gateway/records/watches.ts';
import { Followers } from '../../gateway/streams/followers.ts';
import { nextPiece } from '../../gateway/streams/next-piece.ts';
import type { Following, FollowSink, Reading } from '../../gateway/streams/follower.ts';
import { monitored } from '../fixtures/monitored.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const id = '01234567-89ab-4cde-8f01-23456789abcd.S1';
const keepMs = 60_000;
const KiB = 1024;

let connection: Connection;
let followers: Followers;
let records: RequestRecords;

beforeEach(async () => {
  const { redis, keys } = system();
  connection = new Connection(redis, keys.prefix);
  const subscriber = redis.duplicate();
  const subscriptions = new Connection(subscriber, keys.prefix);
  records = new RequestRecords(connection, log);
  const changes = new RequestChanges(subscriptions);
  const watches = new Watches({ records, changes, connections: new Connections(), limit: 10 });
  const reader = new KeptStreamReader(connection);
  followers = new Followers({ reader, feed: new BytesFeed(subscriptions), watches });
  await redis.set(keys.leaseFence('S1'), 4);
  await redis.hset(keys.request('S1', id), 'state', 'running', 'deadline', Date.now() + keepMs);
  await streamsOf(4).open(id, { status: 200, headers: [] }, keepMs);
  return () => subscriber.disconnect();
});

const streamsOf = (fence: number): KeptStreams => new KeptStreams(connection, { replica: 'S1', fence }, log);
const keyOf = (fence: number): string => system().keys.keptStream('S1', id, fence);

let end = 0;
beforeEach(() => void (end = 0));

async function append(bytes: string | Buffer, fence = 4): Promise<void> {
  end += bytes.length;
  await streamsOf(fence).append([{ id, bytes: Buffer.from(bytes), end, lastId: '' }]);
}

function settle(whole: { length: number; entries: number } | undefined, fence = 4): Promise<string> {
  return new RequestSettler(connection, { replica: 'S1', fence }, log).settle(
    id,
    {},
    {
      state: whole === undefined ? 'failed' : 'done',
      event: { kind: 'ended' },
      fields: ['status', 200],
      keepMs,
      frame: whole === undefined ? 'a problem' : undefined,
      ...(whole === undefined ? {} : { stream: { ...whole, lastId: '' } }),
    },
  );
}

/** Notes what it is told. */
class Notes implements FollowSink {
  readonly parts: Buffer[] = [];
  readonly told: string[] = [];
  /** Whether it takes more after each piece. */
  isFast = true;

  get text(): string {
    return Buffer.concat(this.parts).toString();
  }

  bytes(parts: readonly Buffer[], to: number, isTail: boolean): boolean {
    this.parts.push(...parts);
    this.told.push(`${to}${isTail ? ' tail' : ''}`);
    return this.isFast;
  }

  caughtUp(): void {
    this.told.push('caught up');
  }

  end(): void {
    this.told.push('end');
  }

  fail(why: string): void {
    this.told.push(why);
  }
}

async function follow(reading: Reading, sink = new Notes()): Promise<{ sink: Notes; following: Following }> {
  const found = await records.find(id);
  if (found === undefined) throw new Error('the request is unknown');
  return { sink, following: followers.follow(found, reading, sink) };
}

it('gives each reader all bytes from its position on, until the end', async () => {
  await append('one');
  const all = await Promise.all([0, 1, 3].map((from) => follow({ from })));
  await expect.poll(() => all.map(({ sink }) => sink.text)).toEqual(['one', 'ne', '']);
  await append('two');
  await expect.poll(() => all.map(({ sink }) => sink.text)).toEqual(['onetwo', 'netwo', 'two']);
  expect(await settle({ length: 6, entries: 2 })).toBe('settled');
  await expect.poll(() => all.map(({ sink }) => sink.told.at(-1))).toEqual(['end', 'end', 'end']);
  expect([followers.size, followers.readers]).toEqual([0, 0]);
  const late = await follow({ from: 2 });
  await expect.poll(() => late.sink.told).toEqual(['6 tail', 'end']);
  expect(late.sink.text).toBe('etwo');
});

it('tells a reader once that it has all there is', async () => {
  const { sink, following } = await follow({ from: 0 });
  await expect.poll(() => sink.told).toEqual(['caught up']);
  await append('one');
  await expect.poll(() => sink.told).toEqual(['caught up', '3 tail']);
  await append('two');
  await expect.poll(() => sink.told).toEqual(['caught up', '3 tail', '6 tail']);
  following.stop();
});

it('tells a reader that goes on if there is no more', async () => {
  const slow = new Notes();
  slow.isFast = false;
  const { sink, following } = await follow({ from: 0 }, slow);
  await expect.poll(() => sink.told).toEqual(['caught up']);
  await append('one');
  await expect.poll(() => sink.told).toEqual(['caught up', '3 tail']);
  following.resume();
  await expect.poll(() => sink.told).toEqual(['caught up', '3 tail', 'caught up']);
  following.stop();
});

it('gives a reader no more than it wants', async () => {
  await append('one');
  const { sink } = await follow({ from: 1, until: 4 });
  await append('two');
  await expect.poll(() => sink.told.at(-1)).toBe('end');
  expect(sink.text).toBe('net');
  const empty = await follow({ from: 3, until: 3 });
  await expect.poll(() => empty.sink.told).toEqual(['end']);
});

it('reads once for all readers at the tail, and subscribes once', async () => {
  const { redis, redisUrl, keys } = system();
  const all = await Promise.all(Array.from({ length: 50 }, () => follow({ from: 0 })));
  const channel = keys.bytesChannel('S1', id);
  const subscribers = async (): Promise<unknown> => (await redis.pubsub('NUMSUB', channel)).at(1);
  await expect.poll(subscribers).toBe(1);
  await expect.poll(() => all.every(({ sink }) => sink.told.length > 0)).toBe(true);
  let reads = 0;
  await monitored(redisUrl, ([command = '', key]) => {
    if (command.toLowerCase() === 'xrange' && key === keyOf(4)) reads += 1;
  });
  await append('one');
  await expect.poll(() => all.every(({ sink }) => sink.text === 'one')).toBe(true);
  // Polls and the end of the subscription read too.
  expect(reads).toBeLessThan(all.length);
  for (const { following } of all) following.stop();
  await expect.poll(subscribers).toBe(0);
  expect(followers.size).toBe(0);
});

it('keeps no more for a slow reader than one read, and does not delay the others', async () => {
  const bytes = Buffer.alloc(64 * KiB, 'x');
  for (let at = 0; at < 20; at += 1) await append(bytes);
  const slow = new Notes();
  slow.isFast = false;
  const { following } = await follow({ from: 0 }, slow);
  const fast = await follow({ from: 0 });
  await expect.poll(() => fast.sink.told.at(-1)).toBe('caught up');
  expect(slow.told).toEqual([`${256 * KiB}`]);
  following.resume();
  await expect.poll(() => slow.told).toEqual([`${256 * KiB}`, `${512 * KiB}`]);
  slow.isFast = true;
  following.resume();
  await expect.poll(() => slow.told.at(-1)).toBe('caught up');
  expect(Buffer.concat(slow.parts)).toHaveLength(20 * 64 * KiB);
  following.stop();
  fast.following.stop();
});

it('a reader that stops is told nothing more', async () => {
  const { sink, following } = await follow({ from: 0 });
  following.stop();
  following.stop();
  following.resume();
  const other = await follow({ from: 0 });
  await append('one');
  await expect.poll(() => other.sink.text).toBe('one');
  expect(sink.told).toEqual([]);
  other.following.stop();
});

it('finds what was appended without a message', async () => {
  const { sink, following } = await follow({ from: 0 });
  await expect.poll(() => sink.told).toEqual(['caught up']);
  await system().redis.xadd(keyOf(4), '3-0', 'b', 'one');
  await expect.poll(() => sink.text).toBe('one');
  following.stop();
});

describe('goes on', () => {
  it('after another worker has taken the stream over', async () => {
    const { redis, keys } = system();
    await append('one');
    const { sink, following } = await follow({ from: 0 });
    await expect.poll(() => sink.text).toBe('one');
    await redis.set(keys.leaseFence('S1'), 5);
    expect(await streamsOf(5).takeOver(id, 4, keepMs)).toMatchObject({ offset: 3 });
    await append('two', 5);
    await expect.poll(() => sink.text).toBe('onetwo');
    expect(await settle({ length: 6, entries: 2 }, 5)).toBe('settled');
    await expect.poll(() => sink.told.at(-1)).toBe('end');
    following.stop();
  });

  it('if the record that its reader had found was older than that', async () => {
    const { redis, keys } = system();
    await append('one');
    const found = await records.find(id);
    if (found === undefined) throw new Error('the request is unknown');
    await redis.set(keys.leaseFence('S1'), 5);
    await streamsOf(5).takeOver(id, 4, keepMs);
    const sink = new Notes();
    const following = followers.follow(found, { from: 0 }, sink);
    await expect.poll(() => sink.text).toBe('one');
    following.stop();
  });
});

describe('tells a reader that the rest is missing', () => {
  it('if the answer was aborted, after all bytes that there are', async () => {
    await append('one');
    expect(await settle(undefined)).toBe('settled');
    const { sink } = await follow({ from: 0 });
    await expect.poll(() => sink.told).toEqual(['3 tail', 'aborted']);
  });

  it('if the answer is aborted while it reads', async () => {
    const { sink } = await follow({ from: 0 });
    await settle(undefined);
    await expect.poll(() => sink.told).toEqual(['caught up', 'aborted']);
  });

  it('if there is a gap', async () => {
    await append('one');
    end += 2;
    await append('two');
    const { sink } = await follow({ from: 0 });
    await expect.poll(() => sink.told).toEqual(['3', 'gap']);
    const behind = await follow({ from: 5 });
    await expect.poll(() => behind.sink.text).toBe('two');
    behind.following.stop();
  });

  it('if the stream ends before the length of its record', async () => {
    await append('one');
    await settle({ length: 3, entries: 1 });
    await system().redis.hset(system().keys.request('S1', id), 'length', 4);
    const { sink } = await follow({ from: 0 });
    await expect.poll(() => sink.told).toEqual(['3 tail', 'gap']);
  });

  it('if the stream is gone', async () => {
    await append('one');
    const { sink } = await follow({ from: 0 });
    await expect.poll(() => sink.text).toBe('one');
    await system().redis.del(keyOf(4));
    await expect.poll(() => sink.told).toEqual(['3 tail', 'gone']);
  });

  it('if the record is gone', async () => {
    const { sink } = await follow({ from: 0 });
    await expect.poll(() => sink.told).toEqual(['caught up']);
    await system().redis.del(system().keys.request('S1', id));
    await expect.poll(() => sink.told).toEqual(['caught up', 'gone']);
  });
});

describe('the next piece', () => {
  async function next(from: number, waitMs: number, signal = new AbortController().signal): Promise<unknown> {
    const found = await records.find(id);
    if (found === undefined) throw new Error('the request is unknown');
    const piece = await nextPiece(followers, found, from, waitMs, signal);
    if (typeof piece === 'string') return piece;
    const { parts, ...place } = piece;
    return { text: Buffer.concat(parts).toString(), ...place };
  }

  it('is what is there, or what comes', async () => {
    await append('one');
    const place = { end: 3, isTail: true, isClosed: false };
    expect(await next(1, 0)).toEqual({ text: 'ne', ...place });
    expect(await next(1, 60_000)).toEqual({ text: 'ne', ...place });
    expect(await next(3, 0)).toEqual({ text: '', ...place });
    const coming = next(3, 60_000);
    await append('two');
    expect(await coming).toEqual({ text: 'two', ...place, end: 6 });
    expect(followers.size).toBe(0);
  });

  it('is empty if nothing comes in time, or nobody waits any more', async () => {
    const empty = { text: '', end: 0, isTail: true, isClosed: false };
    expect(await next(0, 50)).toEqual(empty);
    const leaving = new AbortController();
    const left = next(0, 60_000, leaving.signal);
    leaving.abort();
    expect(await left).toEqual(empty);
    expect(await next(0, 60_000, AbortSignal.abort())).toEqual(empty);
    expect(followers.size).toBe(0);
  });

  it('says that it is the last one, also to those who wait', async () => {
    const waiting = next(3, 60_000);
    await append('one');
    await settle({ length: 3, entries: 1 });
    const closed = { end: 3, isTail: true, isClosed: true };
    expect(await waiting).toEqual({ text: '', ...closed });
    expect([await next(0, 0), await next(3, 0)]).toEqual([
      { text: 'one', ...closed },
      { text: '', ...closed },
    ]);
  });

  it('is none if the answer was aborted', async () => {
    await settle(undefined);
    expect(await next(0, 60_000)).toBe('aborted');
  });
});
