import { afterEach, expect, it } from 'vitest';
import { decodeSignals } from '#shared/contract/stream-signal.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import { createLogger } from '#shared/process/logger.ts';
import { CancellationChannel } from '#shared/store/queue/cancellation-channel.ts';
import { subscribeToCancellations } from '#shared/store/queue/cancellation-feed.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';
import { SignalChannel } from '#shared/store/streams/signal-channel.ts';
import { SignalFeed } from '#shared/store/streams/signal-feed.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
const opened: Connection[] = [];
afterEach(() => opened.splice(0).forEach((each) => each.close()));

function openAs(role: RedisRole): Connection {
  const { redisUrl, namespace } = system();
  const url = roleUrl(redisUrl, namespace, role);
  const connection = openConnection({ url, namespace, name: role, use: 'patient' }, log);
  opened.push(connection);
  return connection;
}

const none = (): void => undefined;
const grant: StreamSignal = { kind: 'grant', fence: 3, offset: 1_048_576, id: 'r' };
const cancel: StreamSignal = { kind: 'cancel', fence: 3, id: 'r' };
const present: StreamSignal = { kind: 'present', gateway: 'g' };

interface Listening {
  readonly heard: StreamSignal[];
  /** What it was told of its subscription, in order. */
  readonly told: string[];
  readonly end: () => void;
}

/** @returns once Redis has confirmed it. */
async function listen(feed: SignalFeed, replica: string): Promise<Listening> {
  const heard: StreamSignal[] = [];
  const told: string[] = [];
  const end = feed.subscribe(replica, {
    receive: (message) => heard.push(...decodeSignals(message)),
    subscribed: () => told.push('subscribed'),
    unsubscribed: () => told.push('unsubscribed'),
  });
  await expect.poll(() => told).toEqual(['subscribed']);
  return { heard, told, end };
}

it('the signals of a message reach those who listen for the replica, in order, and nobody else', async () => {
  const feed = new SignalFeed(openAs('worker'));
  const channel = new SignalChannel(openAs('gateway'));
  const [first, second] = [await listen(feed, 'S1'), await listen(feed, 'S2')];
  await channel.announce('S1', [grant, cancel, present]);
  await channel.announce('S2', [present]);
  await channel.announce('S3', [cancel]);
  await expect.poll(() => [first.heard, second.heard]).toEqual([[grant, cancel, present], [present]]);
});

it('a subscription that has ended hears nothing, and a later one for the same replica does', async () => {
  const feed = new SignalFeed(openAs('worker'));
  const channel = new SignalChannel(openAs('gateway'));
  const before = await listen(feed, 'S1');
  before.end();
  const after = await listen(feed, 'S1');
  before.end();
  await channel.announce('S1', [grant]);
  await expect.poll(() => after.heard).toEqual([grant]);
  expect([before.heard, before.told, after.told]).toEqual([[], ['subscribed'], ['subscribed']]);
});

it('a subscription whose connection breaks says so, and is confirmed again', async () => {
  const { redis, namespace } = system();
  const feed = new SignalFeed(openAs('worker'));
  const channel = new SignalChannel(openAs('gateway'));
  const [first, ended] = [await listen(feed, 'S1'), await listen(feed, 'S2')];
  await redis.client('KILL', 'USER', `${namespace}-worker`);
  await expect.poll(() => first.told, { interval: 1 }).toContain('unsubscribed');
  ended.end();
  const again = feed.subscribe('S3', { receive: none, subscribed: none, unsubscribed: none });
  again();
  await expect.poll(() => first.told).toEqual(['subscribed', 'unsubscribed', 'subscribed']);
  await channel.announce('S1', [grant]);
  await channel.announce('S2', [grant]);
  await channel.announce('S1', [cancel]);
  await expect.poll(() => first.heard).toEqual([grant, cancel]);
  expect([ended.heard, ended.told]).toEqual([[], ['subscribed', 'unsubscribed']]);
  await expect.poll(() => redis.pubsub('CHANNELS', `${system().keys.prefix}:*`)).toHaveLength(1);
});

it('a replica can be subscribed to again while the connection is broken', async () => {
  const { redis, namespace } = system();
  const feed = new SignalFeed(openAs('worker'));
  const before = await listen(feed, 'S1');
  await redis.client('KILL', 'USER', `${namespace}-worker`);
  await expect.poll(() => before.told, { interval: 1 }).toContain('unsubscribed');
  before.end();
  const after = await listen(feed, 'S1');
  await new SignalChannel(openAs('gateway')).announce('S1', [grant]);
  await expect.poll(() => after.heard).toEqual([grant]);
  expect(before.heard).toEqual([]);
});

it('signals and cancellations share a connection', async () => {
  const connection = openAs('worker');
  const cancelled: string[] = [];
  await subscribeToCancellations(connection, (id) => cancelled.push(id));
  const { heard } = await listen(new SignalFeed(connection), 'S1');
  const sender = openAs('gateway');
  await new SignalChannel(sender).announce('S1', [cancel]);
  await new CancellationChannel(sender).announce(['r-1', 'r-2']);
  await expect.poll(() => [heard, cancelled]).toEqual([[cancel], ['r-1', 'r-2']]);
});
