import { afterEach, expect, it } from 'vitest';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import { createLogger } from '#shared/process/logger.ts';
import { CancellationChannel } from '#shared/store/queue/cancellation-channel.ts';
import { subscribeToCancellations } from '#shared/store/queue/cancellation-feed.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';
import { SignalChannel } from '#shared/store/streams/signal-channel.ts';
import { SignalFeed } from '#shared/store/streams/signal-feed.ts';
import type { SignalSubscription } from '#shared/store/streams/signal-feed.ts';
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

const grant: StreamSignal = { kind: 'grant', fence: 3, offset: 1_048_576, id: 'r' };
const cancel: StreamSignal = { kind: 'cancel', fence: 3, id: 'r' };
const present: StreamSignal = { kind: 'present', gateway: 'g' };

interface Listening {
  readonly heard: StreamSignal[];
  readonly subscription: SignalSubscription;
  /** How often the subscription was confirmed. */
  readonly confirmed: () => number;
}

async function listen(feed: SignalFeed, replica: string): Promise<Listening> {
  const heard: StreamSignal[] = [];
  let times = 0;
  const subscription = feed.subscribe(
    replica,
    (signal) => heard.push(signal),
    () => (times += 1),
  );
  await expect.poll(() => times).toBe(1);
  return { heard, subscription, confirmed: () => times };
}

it('the signals of a message reach those who listen for the replica, in order, and nobody else', async () => {
  const feed = new SignalFeed(openAs('worker'));
  const channel = new SignalChannel(openAs('gateway'));
  const [first, second] = [await listen(feed, 'S1'), await listen(feed, 'S2')];
  expect(first.subscription.arrives).toBe(true);
  await channel.announce('S1', [grant, cancel, present]);
  await channel.announce('S2', [present]);
  await channel.announce('S3', [cancel]);
  await expect.poll(() => [first.heard, second.heard]).toEqual([[grant, cancel, present], [present]]);
});

it('a subscription that has ended hears nothing, and a later one for the same replica does', async () => {
  const feed = new SignalFeed(openAs('worker'));
  const channel = new SignalChannel(openAs('gateway'));
  const before = await listen(feed, 'S1');
  before.subscription.end();
  expect(before.subscription.arrives).toBe(false);
  const after = await listen(feed, 'S1');
  before.subscription.end();
  await channel.announce('S1', [grant]);
  await expect.poll(() => after.heard).toEqual([grant]);
  expect([before.heard, before.confirmed(), after.subscription.arrives]).toEqual([[], 1, true]);
});

it('a subscription that breaks is confirmed again, and says whether signals arrive', async () => {
  const { redis, namespace } = system();
  const feed = new SignalFeed(openAs('worker'));
  const channel = new SignalChannel(openAs('gateway'));
  const [first, ended] = [await listen(feed, 'S1'), await listen(feed, 'S2')];
  const states: boolean[] = [];
  const id = /id=(\d+)/.exec(
    String(await redis.client('LIST'))
      .split('\n')
      .find((line) => line.includes(`name=${namespace}:worker `)) ?? '',
  )?.[1];
  await redis.client('KILL', 'ID', id ?? '');
  await expect
    .poll(
      () => {
        states.push(first.subscription.arrives);
        return states.includes(false);
      },
      { interval: 1 },
    )
    .toBe(true);
  ended.subscription.end();
  await expect.poll(first.confirmed).toBe(2);
  expect(first.subscription.arrives).toBe(true);
  await channel.announce('S1', [grant]);
  await channel.announce('S2', [grant]);
  await channel.announce('S1', [cancel]);
  await expect.poll(() => first.heard).toEqual([grant, cancel]);
  expect([ended.heard, ended.confirmed()]).toEqual([[], 1]);
  await expect.poll(() => redis.pubsub('CHANNELS', `${namespace}:*`)).toHaveLength(1);
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
