import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { LostStreams } from '../../gateway/streams/lost-streams.ts';
import type { OpenStream } from '../../gateway/streams/open-streams.ts';

const everyMs = 10;

/** What Redis says of two streams of S1 and one of S2. */
class World {
  readonly open = new Map<string, OpenStream>(
    ['a.S1', 'b.S1', 'c.S2'].map((id) => [
      id,
      { id, replica: id.slice(-2), fence: 5, since: performance.now() - 1000 },
    ]),
  );
  readonly lost: string[] = [];
  readonly asked: string[] = [];
  readonly missing = new Set<string>();
  readonly unserved = new Set<string>();
  readonly fences = new Map<string, number>();
  checks = 0;
  caughtUp = 0;
  isAway = false;
  onCaughtUp = (): void => undefined;

  async watch(supersededMs = 60_000): Promise<void> {
    const { open, lost, asked, missing, unserved, fences } = this;
    const watch = new LostStreams({
      streams: {
        longerThan: (ms) => [...open.values()].filter(({ since }) => performance.now() - since >= ms),
        has: (id) => open.has(id),
        ask: (id) => void asked.push(id),
        lose: (id) => {
          open.delete(id);
          lost.push(id);
        },
      },
      queues: {
        missing: (_replica, ids) => {
          this.checks += 1;
          if (this.isAway) return Promise.reject(new Error('away'));
          return Promise.resolve(ids.filter((id) => missing.has(id)));
        },
      },
      leases: {
        exists: (replica) => Promise.resolve(!unserved.has(replica)),
        readFence: (replica) => Promise.resolve(fences.get(replica)),
      },
      inbox: {
        caughtUp: () => {
          this.caughtUp += 1;
          this.onCaughtUp();
          return Promise.resolve();
        },
      },
      checkIntervalMs: everyMs,
      supersededMs,
      log: createLogger('test', 'silent'),
    });
    await watch.start();
    onTestFinished(() => watch.stop());
  }

  /** Resolves after some more checks. */
  async checked(): Promise<void> {
    const until = this.checks + 10;
    await expect.poll(() => this.checks, { interval: 1 }).toBeGreaterThan(until);
  }
}

it('loses no stream that has its job and its worker, nor one while Redis is away', async () => {
  const world = new World();
  for (const replica of ['S1', 'S2']) world.fences.set(replica, 5);
  await world.watch();
  await world.checked();
  world.isAway = true;
  await world.checked();
  expect([world.lost, world.caughtUp]).toEqual([[], 0]);
});

it('loses a stream whose job is gone, once its worker was asked and all that was in the inbox is read', async () => {
  const world = new World();
  world.missing.add('a.S1');
  await world.watch();
  await expect.poll(() => world.lost, { interval: 1 }).toEqual(['a.S1']);
  expect([world.asked, world.caughtUp]).toEqual([['a.S1'], 2]);
});

it('does not lose a stream whose end was in the inbox', async () => {
  const world = new World();
  world.missing.add('a.S1');
  world.onCaughtUp = () => void world.open.delete('a.S1');
  await world.watch();
  await world.checked();
  expect([world.lost, world.caughtUp]).toEqual([[], 1]);
});

it('does not lose a stream whose worker has sent its end again', async () => {
  const world = new World();
  world.missing.add('a.S1');
  world.onCaughtUp = () => {
    if (world.asked.length > 0) world.open.delete('a.S1');
  };
  await world.watch();
  await world.checked();
  expect([world.asked, world.lost, world.caughtUp]).toEqual([['a.S1'], [], 2]);
});

it('loses the streams of a replica without a worker at two checks in turn', async () => {
  const world = new World();
  await world.watch();
  for (let times = 0; times < 3; times += 1) {
    // A worker that was away from Redis writes its lease again.
    const { checks } = world;
    world.unserved.add('S1');
    await expect.poll(() => world.checks, { interval: 0 }).toBeGreaterThan(checks);
    world.unserved.delete('S1');
    await world.checked();
  }
  world.unserved.add('S1');
  await expect.poll(() => world.lost, { interval: 1 }).toEqual(['a.S1', 'b.S1']);
  await world.checked();
  expect(world.lost).toHaveLength(2);
});

it('loses a stream whose worker was superseded for some time without an abort', async () => {
  const world = new World();
  world.fences.set('S1', 5);
  world.fences.set('S2', 6);
  const began = performance.now();
  await world.watch(200);
  await expect.poll(() => world.lost, { interval: 1 }).toEqual(['c.S2']);
  expect(performance.now() - began).toBeGreaterThanOrEqual(200);
});
