import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  encodeAbort,
  encodeBlocked,
  encodeChunk,
  encodeChunkUncopied,
  encodeEnd,
} from '#shared/contract/frame.ts';
import { createLogger } from '#shared/process/logger.ts';
import { recordCrash, suspectsOf } from '#shared/store/queue/suspect-notes.ts';
import { expectedOfJobs } from '#shared/store/repair/expected-keys.ts';
import { GarbledError, KeyRepair } from '#shared/store/repair/key-repair.ts';
import { keysAtRest } from '../fixtures/keys-at-rest.ts';
import { monitored } from '../fixtures/monitored.ts';
import { gateway, headOf, replica, useStreamedJobs } from '../fixtures/streamed-jobs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const streamedJobs = useStreamedJobs(system);
const log = createLogger('test', 'silent');

/** Ids of requests, as gateways make them. */
const [one, another, third] = ['1', '2', '3'].map((n) => `00000000-0000-4000-8000-00000000000${n}.S1`) as [
  string,
  string,
  string,
];

/** Garbles a key: it gets another type. */
async function garble(key: string): Promise<void> {
  await system().redis.multi().del(key).set(key, 'garbled').exec();
}

/** Does what a controller does that a worker asks for a repair. */
async function repairAsController(): Promise<boolean> {
  const { connection, keys } = system();
  const repair = new KeyRepair(connection, log);
  return repair.after(new GarbledError('asked'), () => expectedOfJobs(keys, replica));
}

/** @returns how often BullMQ's events say that a job is completed. */
async function completions(id: string): Promise<number> {
  const { redis, keys } = system();
  const events = await redis.xrange(keys.bullMq(keys.queue(replica), 'events'), '-', '+');
  return events.filter(([, fields]) => fields.includes('completed') && fields.includes(id)).length;
}

/** @returns the messages on the channel of changes, a growing list. */
async function hearChanges(): Promise<readonly string[]> {
  const { redis, keys } = system();
  const subscriber = redis.duplicate();
  onTestFinished(() => subscriber.disconnect());
  const heard: string[] = [];
  subscriber.on('message', (_, message: string) => heard.push(message));
  await subscriber.subscribe(keys.changes);
  return heard;
}

describe('open-streams', () => {
  it('pushes heads and moves their jobs from the active ones to the streams', async () => {
    const { redis, keys } = system();
    const { live, running, take, inbox, places } = await streamedJobs();
    await take(one, another, third);
    expect(await live.open(gateway, [headOf(one, 'a'), headOf(another, 'b')])).toBe(true);
    expect(await places()).toEqual({ active: [third], streams: [one, another] });
    expect([await running.ids(), await running.count()]).toEqual([new Set([one, another]), 2]);
    expect(await inbox()).toMatchObject([
      { kind: 'head', reply: { id: one, body: Buffer.from('a') }, terms: { fence: 1 } },
      { kind: 'head', reply: { id: another, body: Buffer.from('b') } },
    ]);
    expect(await redis.pttl(keys.inbox(replica, gateway))).toBeGreaterThan(0);
    expect(await redis.hexists(keys.job(replica, one), 'data')).toBe(1);
  });

  it('frees a slot: the next job is taken, and one is delivered directly', async () => {
    const { redis, keys } = system();
    const { live, queues, tick, places } = await streamedJobs();
    await redis.set(keys.lease(replica), '{}');
    const job = {
      method: 'GET',
      target: '/',
      headers: [],
      gateway,
      deadline: 0,
      redelivery: 'safe',
    } as const;
    for (const id of [one, another]) await queues.add(replica, id, job);
    expect((await tick.run([], 1))?.taken.map(({ id }) => id)).toEqual([one]);
    expect((await tick.run([], 1))?.taken).toEqual([]);
    await live.open(gateway, [headOf(one)]);
    expect((await tick.run([], 1))?.taken.map(({ id }) => id)).toEqual([another]);
    await live.open(gateway, [headOf(another)]);
    await queues.add(replica, third, job);
    expect((await tick.run([], 1))?.unread).toMatchObject([{ id: third }]);
    expect(await places()).toEqual({ active: [third], streams: [one, another] });
  });

  it('pushes a head again that is sent again, and changes nothing else', async () => {
    const { live, take, inbox, places } = await streamedJobs();
    await take(one);
    for (const _ of [1, 2]) expect(await live.open(gateway, [headOf(one)])).toBe(true);
    expect((await inbox()).map(({ kind }) => kind)).toEqual(['head', 'head']);
    expect(await places()).toEqual({ active: [], streams: [one] });
  });

  it('does nothing if another worker has taken the lease', async () => {
    const { redis, keys } = system();
    const { live, take, inbox, places } = await streamedJobs();
    await take(one);
    await redis.set(keys.leaseFence(replica), 2);
    expect(await live.open(gateway, [headOf(one)])).toBe(false);
    expect([await inbox(), await places()]).toEqual([[], { active: [one], streams: [] }]);
  });

  it('leaves no id among the streams if the job is gone', async () => {
    const { live, inbox, places } = await streamedJobs();
    expect(await live.open(gateway, [headOf(one)])).toBe(true);
    expect([(await inbox()).length, await places()]).toEqual([1, { active: [], streams: [] }]);
  });

  it('moves an inbox aside that is no list', async () => {
    const { redis, keys } = system();
    const { live, take, inbox, places } = await streamedJobs();
    await take(one);
    await garble(keys.inbox(replica, gateway));
    expect(await live.open(gateway, [headOf(one)])).toBe(true);
    expect((await inbox()).map(({ kind }) => kind)).toEqual(['head']);
    expect(await places()).toEqual({ active: [], streams: [one] });
    expect(await redis.zcard(keys.aside(keys.inbox(replica, gateway)).index)).toBe(1);
  });

  it('rejects if the streams are no set, loses no job, and asks a controller to move them aside', async () => {
    const { keys } = system();
    const { live, open, take, places } = await streamedJobs();
    await open(another);
    await take(one);
    const heard = await hearChanges();
    await garble(keys.streams(replica));
    await expect(live.open(gateway, [headOf(one)])).rejects.toThrow('WRONGTYPE');
    await expect.poll(() => heard).toEqual(['mend {S1}']);
    expect(await repairAsController()).toBe(true);
    // The job of the stream that ran is active again, so that a worker that dies leaves it to the next one.
    expect(await places()).toEqual({ active: [one, another], streams: [] });
    expect(await live.open(gateway, [headOf(one)])).toBe(true);
    expect(await places()).toEqual({ active: [another], streams: [one] });
  });

  it('keeps a job among the streams if the active jobs are no list', async () => {
    const { redis, keys } = system();
    const { live, take } = await streamedJobs();
    await take(one);
    await garble(keys.unfinished(replica).active);
    await expect(live.open(gateway, [headOf(one)])).rejects.toThrow('WRONGTYPE');
    expect(await redis.smembers(keys.streams(replica))).toEqual([one]);
  });
});

describe('push', () => {
  it('appends frames in their order, texts and bytes, whoever has the lease', async () => {
    const { redis, keys } = system();
    const { live, open, inbox } = await streamedJobs();
    await open(one);
    await redis.set(keys.leaseFence(replica), 2);
    const bytes = Buffer.from([0, 10, 255, 13]);
    await Promise.all([
      live.push(gateway, [encodeChunk(one, 1, 5, [bytes, bytes]), encodeBlocked(one, 1, 13)]),
      live.push(gateway, [encodeChunk(another, 1, 0, [Buffer.alloc(64 * 1024, 7)])]),
      live.push(gateway, [
        encodeChunkUncopied(another, 1, 65_536, [bytes, Buffer.alloc(20_000, 8), Buffer.from('é')]),
        encodeBlocked(another, 1, 85_542),
      ]),
    ]);
    expect((await inbox()).slice(1)).toEqual([
      { kind: 'chunk', id: one, fence: 1, offset: 5, bytes: Buffer.concat([bytes, bytes]) },
      { kind: 'blocked', id: one, fence: 1, offset: 13 },
      { kind: 'chunk', id: another, fence: 1, offset: 0, bytes: Buffer.alloc(64 * 1024, 7) },
      {
        kind: 'chunk',
        id: another,
        fence: 1,
        offset: 65_536,
        bytes: Buffer.concat([bytes, Buffer.alloc(20_000, 8), Buffer.from('é')]),
      },
      { kind: 'blocked', id: another, fence: 1, offset: 85_542 },
    ]);
  });

  it('leaves no gap where the connection breaks, only repeats', async () => {
    const { redis, namespace } = system();
    const { live, open, inbox } = await streamedJobs();
    await open(one);
    let [sent, killed] = [5, 0];
    const pushes: Promise<void>[] = [];
    for (let round = 0; round < 300; round += 1) {
      // Some are large: their parts are written one after the other.
      const bytes = Buffer.alloc(1 + (round % 50) * (round % 3 === 0 ? 1000 : 1), round);
      pushes.push(live.push(gateway, [encodeChunkUncopied(one, 1, sent, [bytes, bytes])]));
      sent += bytes.length;
      sent += bytes.length;
      if (round % 40 === 20) killed += Number(await redis.client('KILL', 'USER', `${namespace}-worker`));
      if (round % 4 === 0) await pushes.at(-1);
    }
    await Promise.all(pushes);
    let received = 5;
    for (const frame of (await inbox()).slice(1)) {
      if (frame.kind !== 'chunk') throw new Error(`not a chunk: ${frame.kind}`);
      expect(frame.offset).toBeLessThanOrEqual(received);
      received = Math.max(received, frame.offset + frame.bytes.length);
    }
    expect(received).toBe(sent);
    expect(killed).toBeGreaterThan(5);
  });

  it('renews the TTL of the inbox with the first chunks, and not with each', async () => {
    const { redis, redisUrl, keys } = system();
    const { live } = await streamedJobs();
    const inbox = keys.inbox(replica, gateway);
    const seen: string[] = [];
    await monitored(redisUrl, ([command = '', key]) => {
      if (key === inbox) seen.push(command.toLowerCase());
    });
    const chunk = (offset: number) => [encodeChunk(one, 1, offset, [Buffer.from('x')])];
    for (let offset = 0; offset < 5; offset += 1) await live.push(gateway, chunk(offset));
    await live.push('another', chunk(0));
    const pushes = Array.from({ length: 4 }, () => 'rpush');
    await expect.poll(() => seen).toEqual(['rpush', 'pexpire', ...pushes]);
    for (const each of [inbox, keys.inbox(replica, 'another')])
      expect(await redis.pttl(each)).toBeGreaterThan(50_000);
  });

  it('moves an inbox aside that is no list', async () => {
    const { keys } = system();
    const { live, inbox } = await streamedJobs();
    await garble(keys.inbox(replica, gateway));
    await live.push(gateway, [encodeBlocked(one, 1, 0)]);
    expect((await inbox()).map(({ kind }) => kind)).toEqual(['blocked']);
  });
});

describe('end-streams', () => {
  beforeEach(async () => {
    const { redis, keys } = system();
    await redis.set(keys.eventReaders(replica), '1', 'PX', 60_000);
  });

  it('pushes the last frames and leaves nothing of the jobs', async () => {
    const { redis, keys } = system();
    const { live, open, inbox, places } = await streamedJobs();
    await open(one, another, third);
    await redis.rpush(`${keys.job(replica, one)}:logs`, 'by a tool');
    const ends = [
      { id: one, frame: encodeEnd(one, 1, 5) },
      { id: another, frame: encodeAbort(another, 1, 'worker_died') },
      { id: third, frame: undefined },
    ];
    expect(await live.end(gateway, ends)).toBe(true);
    expect((await inbox()).slice(3)).toEqual([
      { kind: 'end', id: one, fence: 1, length: 5 },
      { kind: 'abort', id: another, fence: 1, code: 'worker_died' },
    ]);
    expect(await places()).toEqual({ active: [], streams: [] });
    expect(await Promise.all([one, another, third].map(completions))).toEqual([1, 1, 1]);
    await keysAtRest(system());
    expect(await redis.pttl(keys.inbox(replica, gateway))).toBeGreaterThan(0);
  });

  it('touches no inbox if no gateway gets a frame', async () => {
    const { redis, keys } = system();
    const { live, open, places } = await streamedJobs();
    await open(one);
    expect(await live.end('', [{ id: one, frame: undefined }])).toBe(true);
    expect([await redis.exists(keys.inbox(replica, '')), await places()]).toEqual([
      0,
      { active: [], streams: [] },
    ]);
  });

  it('pushes an end again that is sent again, and changes nothing else', async () => {
    const { live, open, inbox } = await streamedJobs();
    await open(one);
    const end = [{ id: one, frame: encodeEnd(one, 1, 5) }];
    for (const _ of [1, 2]) expect(await live.end(gateway, end)).toBe(true);
    expect((await inbox()).map(({ kind }) => kind)).toEqual(['head', 'end', 'end']);
    expect(await completions(one)).toBe(1);
  });

  it('does nothing if another worker has taken the lease', async () => {
    const { redis, keys } = system();
    const { live, open, inbox, places } = await streamedJobs();
    await open(one);
    await redis.set(keys.leaseFence(replica), 2);
    expect(await live.end(gateway, [{ id: one, frame: encodeEnd(one, 1, 5) }])).toBe(false);
    expect([(await inbox()).length, await places()]).toEqual([1, { active: [], streams: [one] }]);
    expect(await redis.exists(keys.job(replica, one))).toBe(1);
  });

  it('pushes the end if the job is gone, and removes its id', async () => {
    const { redis, keys } = system();
    const { live, open, inbox, places } = await streamedJobs();
    await open(one);
    await redis.del(keys.job(replica, one));
    const ends = [one, another].map((id) => ({ id, frame: encodeEnd(id, 1, 5) }));
    expect(await live.end(gateway, ends)).toBe(true);
    expect((await inbox()).map(({ kind }) => kind)).toEqual(['head', 'end', 'end']);
    expect(await places()).toEqual({ active: [], streams: [] });
    expect([await completions(one), await completions(another)]).toEqual([1, 0]);
  });

  it('finishes a job that is active again, because the streams were no set', async () => {
    const { keys } = system();
    const { live, open, places } = await streamedJobs();
    await open(one);
    await garble(keys.streams(replica));
    const end = [{ id: one, frame: encodeEnd(one, 1, 5) }];
    await expect(live.end(gateway, end)).rejects.toThrow('WRONGTYPE');
    expect(await repairAsController()).toBe(true);
    expect(await places()).toEqual({ active: [one], streams: [] });
    expect(await live.end(gateway, end)).toBe(true);
    expect(await places()).toEqual({ active: [], streams: [] });
    await keysAtRest(system());
  });

  it('moves an inbox aside that is no list', async () => {
    const { keys } = system();
    const { live, open, inbox, places } = await streamedJobs();
    await open(one);
    await garble(keys.inbox(replica, gateway));
    expect(await live.end(gateway, [{ id: one, frame: encodeEnd(one, 1, 5) }])).toBe(true);
    expect((await inbox()).map(({ kind }) => kind)).toEqual(['end']);
    expect(await places()).toEqual({ active: [], streams: [] });
  });
});

describe('suspend-stream', () => {
  it('makes the job active again, as the one that was taken first, also if it is sent again', async () => {
    const { redis, keys } = system();
    const { running, open, take } = await streamedJobs();
    await open(one, another);
    await take(third);
    for (const _ of [1, 2]) expect(await running.suspend(one)).toBe('suspended');
    expect(await redis.lrange(keys.unfinished(replica).active, 0, -1)).toEqual([third, one]);
    expect(await running.ids()).toEqual(new Set([another]));
    expect(await redis.hexists(keys.job(replica, one), 'data')).toBe(1);
  });

  it('lets the request become a suspect', async () => {
    const { connection, running, open, places } = await streamedJobs();
    await open(one);
    await running.suspend(one);
    const crash = { death: '2', startOrder: 1, counts: true };
    expect(await recordCrash(connection, { replica, fence: 1 }, one, crash)).toMatchObject({
      id: one,
      poison: false,
    });
    expect(await suspectsOf(connection, replica)).toEqual(new Set([one]));
    expect(await places()).toEqual({ active: [], streams: [] });
  });

  it('does nothing if another worker has taken the lease', async () => {
    const { redis, keys } = system();
    const { running, open, places } = await streamedJobs();
    await open(one);
    await redis.set(keys.leaseFence(replica), 2);
    expect(await running.suspend(one)).toBe('superseded');
    expect(await places()).toEqual({ active: [], streams: [one] });
  });

  it('removes the id of a job that is gone', async () => {
    const { redis, keys } = system();
    const { running, open, places } = await streamedJobs();
    await open(one);
    await redis.del(keys.job(replica, one));
    expect([await running.suspend(one), await running.suspend(another)]).toEqual(['gone', 'gone']);
    expect(await places()).toEqual({ active: [], streams: [] });
  });

  it('keeps the stream if the active jobs are no list', async () => {
    const { keys } = system();
    const { running, open, places } = await streamedJobs();
    await open(one);
    await garble(keys.unfinished(replica).active);
    await expect(running.suspend(one)).rejects.toThrow('WRONGTYPE');
    expect(await repairAsController()).toBe(true);
    expect(await places()).toEqual({ active: [], streams: [one] });
    expect(await running.suspend(one)).toBe('suspended');
  });
});
