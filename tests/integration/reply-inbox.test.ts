import { afterEach, expect, it } from 'vitest';
import {
  encodeAbort,
  encodeBlocked,
  encodeBodyFrame,
  encodeChunk,
  encodeEnd,
  encodeHead,
  encodeHints,
} from '#shared/contract/frame.ts';
import type { Frame } from '#shared/contract/frame.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import { createLogger } from '#shared/process/logger.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { ReplyInbox } from '../../gateway/dispatch/reply-inbox.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const gateway = 'g1';
const opened: Connection[] = [];
const settled = { timeout: 20_000, interval: 2 };

afterEach(() => {
  for (const connection of opened.splice(0)) connection.close();
});

interface Made {
  readonly inbox: ReplyInbox;
  /** `<replica> <id>` of each reply, in order. */
  readonly given: string[];
  push(replica: string, id: string): Promise<unknown>;
}

async function make(hasStreams = false): Promise<Made> {
  const { redis, redisUrl, namespace, keys } = system();
  const url = roleUrl(redisUrl, namespace, 'gateway');
  const open = (use: 'patient' | 'failFast'): Connection => {
    const connection = openConnection({ url, namespace, name: 'inbox', use }, log);
    opened.push(connection);
    return connection;
  };
  const given: string[] = [];
  const onFrame = (replica: string, frame: Frame): number =>
    given.push(`${replica} ${frame.kind === 'reply' ? frame.reply.id : frame.kind}`);
  const [reader, waker] = [open('patient'), open('failFast')];
  await Promise.all([reader.whenReady(), waker.whenReady()]);
  const inbox = new ReplyInbox({ reader, waker, gateway, onFrame, hasStreams: () => hasStreams, log });
  const reply = { status: 200, headers: [], body: Buffer.alloc(0) };
  const push = (replica: string, id: string): Promise<unknown> =>
    redis.rpush(keys.inbox(replica, gateway), encodeReply(id, reply));
  return { inbox, given, push };
}

it('reads the replies of a newly added replica at once', async () => {
  const { inbox, given, push } = await make();
  inbox.listenTo(['S1']);
  await inbox.start();
  await inbox.caughtUp();
  for (let at = 2; at <= 20; at += 1) {
    inbox.listenTo(Array.from({ length: at }, (_, before) => `S${before + 1}`));
    const began = performance.now();
    await push(`S${at}`, 'r');
    await expect.poll(() => given.length, settled).toBe(at - 1);
    expect(performance.now() - began).toBeLessThan(1000);
  }
  await inbox.stop();
});

it('has delivered all replies once it has caught up, also those of a new replica', async () => {
  const { inbox, given, push } = await make();
  await inbox.start();
  for (let at = 1; at <= 50; at += 1) {
    inbox.listenTo([`S${at}`]);
    await push(`S${at}`, 'r');
    await inbox.caughtUp();
    expect(given).toHaveLength(at);
  }
  await inbox.stop();
});

it('delivers all replies in the order of their list', async () => {
  const { inbox, given, push } = await make();
  inbox.listenTo(['S1']);
  await inbox.start();
  const ids = Array.from({ length: 1000 }, (_, at) => String(at));
  await Promise.all(ids.map((id) => push('S1', id)));
  await inbox.caughtUp();
  expect(given).toEqual(ids.map((id) => `S1 ${id}`));
  await inbox.stop();
});

it('delivers the frames of streams, and moves aside what is no frame', async () => {
  const { redis, keys } = system();
  const { inbox, given, push } = await make(true);
  inbox.listenTo(['S1']);
  const [bytes, terms] = [Buffer.alloc(65_536, 0xff), { fence: 5, credit: 65_536 }];
  const frames = [
    encodeHints('a', []),
    encodeHead('a', { status: 200, headers: [] }, bytes.subarray(0, 4096), terms),
    encodeChunk('a', 5, 4096, [bytes]),
    'c 5 x a\nno offset',
    encodeBlocked('a', 5, 69_632),
    encodeEnd('a', 5, 69_632),
    encodeAbort('a', 5, 'worker_died'),
    Buffer.concat(encodeBodyFrame('b', 5, bytes).map((part) => Buffer.from(part))),
  ];
  await redis.rpush(keys.inbox('S1', gateway), ...frames);
  // More than one read brings.
  await Promise.all(Array.from({ length: 100 }, () => push('S1', 'r')));
  await inbox.start();
  await inbox.caughtUp();
  const kinds = ['hints', 'head', 'chunk', 'blocked', 'end', 'abort', 'body'];
  expect(given).toEqual([...kinds, ...Array.from({ length: 100 }, () => 'r')].map((what) => `S1 ${what}`));
  const { index } = keys.aside(keys.inbox('S1', gateway));
  await expect.poll(() => redis.exists(index), settled).toBe(1);
  await inbox.stop();
});

it('reads nothing after it has stopped', async () => {
  const { redis, keys } = system();
  const { inbox, given, push } = await make();
  inbox.listenTo(['S1', 'S2']);
  await inbox.start();
  await push('S1', 'before');
  await inbox.stop();
  expect(given).toEqual(['S1 before']);
  await push('S2', 'after');
  await push('S1', 'after');
  expect(await redis.llen(keys.inbox('S1', gateway))).toBe(1);
  expect(await redis.llen(keys.inbox('S2', gateway))).toBe(1);
});

it('continues after its connection was cut, and after its barrier was lost', async () => {
  const { redis, namespace, keys } = system();
  const { inbox, given, push } = await make();
  inbox.listenTo(['S1']);
  await inbox.start();
  await inbox.caughtUp();
  for (let at = 1; at <= 5; at += 1) {
    const clients = String(await redis.client('LIST'));
    const own = clients.split('\n').filter((line) => line.includes(` name=${namespace}:`));
    const blocked = own.filter((line) => line.includes(' cmd=blmpop '));
    expect(blocked).toHaveLength(1);
    inbox.listenTo(['S1', `S${at + 1}`]);
    await redis.del(keys.wake(gateway));
    for (const line of blocked) await redis.client('KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
    await push('S1', 'r');
    await expect.poll(() => given.length, settled).toBe(at);
  }
  // Reads that name other lists end after 5 s at the latest.
  await push('S6', 'r');
  await expect.poll(() => given.length).toBe(6);
  await inbox.stop();
});
