import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { useConsumers } from '../fixtures/consumers.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const testConsumer = useConsumers();

/** For a longer hunt: `WAKE_UPS=1000000 npm test -- tests/e2e/wake-ups.test.ts`. */
const jobs = Number(process.env['WAKE_UPS'] ?? 100_000);
const queues = 3;
/** BullMQ's own worker polls again after 5 s, so a job that waits that long woke nobody up. */
const boundMs = 2000;

it('every job wakes its worker up, whatever the gaps between jobs', { timeout: 1_800_000 }, async () => {
  const { redisUrl, namespace, keys } = system();
  const waits: number[] = [];
  let bursts = 0;
  const one = async (replica: string): Promise<void> => {
    // Few slots, so that all are taken now and then, and most are free otherwise.
    const made = testConsumer('batched', { redisUrl, namespace, keys, replica, concurrency: 8 });
    const added = new Map<string, number>();
    let open = 0;
    let over = Promise.withResolvers<void>();
    made.onRun = (run) => {
      waits.push(performance.now() - (added.get(run.id) ?? 0));
      added.delete(run.id);
      made.runs.length = 0;
      made.finished.length = 0;
      const end = (): void => {
        if (Math.random() < 0.5) run.finish();
        else void run.answer('x');
        open -= 1;
        if (open === 0) over.resolve();
      };
      if (Math.random() < 0.8) end();
      else setTimeout(end, Math.random() * 3);
    };
    await made.consumer.start();
    let count = 0;
    const goOn = (): boolean => count < jobs / queues;
    while (goOn()) {
      const burst = Math.random() < 0.5 ? 1 : 1 + Math.floor(Math.random() * 30);
      over = Promise.withResolvers();
      open += burst;
      bursts += 1;
      const ids = Array.from({ length: burst }, () => `${replica}-${(count += 1)}`);
      const now = performance.now();
      for (const id of ids) added.set(id, now);
      // A job that must not run twice waits until it is taken; all others are delivered directly.
      const waiting = Math.random() < 0.5 ? 0.3 : 0;
      await Promise.all(
        ids.map((id) => {
          const redelivery = Math.random() < waiting ? 'never' : 'safe';
          return made.add(id, { gateway: `g-${replica}`, redelivery });
        }),
      );
      await Promise.race([over.promise, delay(30_000)]);
      expect(open, 'jobs that did not run within 30 s').toBe(0);
      await made.redis.unlink(keys.inbox(replica, `g-${replica}`));
      // The next burst arrives while the consumer becomes idle, or just afterwards.
      const gap = Math.random();
      if (gap < 0.3) await new Promise((resolve) => setImmediate(resolve));
      else if (gap < 0.6) await delay(Math.random() * 2);
    }
  };
  await Promise.all(Array.from({ length: queues }, (_, at) => one(`S${at + 1}`)));
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  console.log(
    `${waits.length} jobs in ${bursts} bursts: waited p50 ${at(0.5)}, p99 ${at(0.99)}, ` +
      `p99.99 ${at(0.9999)}, at most ${at(1)} ms`,
  );
  expect(sorted.at(-1)).toBeLessThan(boundMs);
});
