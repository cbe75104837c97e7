import { describe, expect, it } from 'vitest';
import { startStop } from '#shared/process/lifecycle.ts';
import { periodically } from '#shared/process/periodically.ts';

/** A life whose start and stop take 5 ms each and are logged. */
function logged(): { readonly log: string[]; readonly life: ReturnType<typeof startStop> } {
  const log: string[] = [];
  const slow = async (what: string): Promise<void> => {
    log.push(`${what} starts`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    log.push(`${what} ends`);
  };
  return {
    log,
    life: startStop(
      () => slow('start'),
      () => slow('stop'),
    ),
  };
}

describe('startStop', () => {
  it('starts and stops once, however many calls are made at the same time', async () => {
    const { log, life } = logged();
    await Promise.all([life.start(), life.start()]);
    await Promise.all([life.stop(), life.stop(), life.stop()]);
    await life.stop();
    expect(log).toEqual(['start starts', 'start ends', 'stop starts', 'stop ends']);
  });

  it('stops only after a running start has ended', async () => {
    const { log, life } = logged();
    const starting = life.start();
    await life.stop();
    await starting;
    expect(log).toEqual(['start starts', 'start ends', 'stop starts', 'stop ends']);
  });

  it('can be stopped without a start, and cannot be started afterwards', async () => {
    const { log, life } = logged();
    await life.stop();
    await expect(life.start()).rejects.toThrow('cannot be started again');
    expect(log).toEqual([]);
  });

  it('is stopped even if its start failed', async () => {
    const log: string[] = [];
    const life = startStop(
      () => Promise.reject(new Error('no')),
      () => Promise.resolve(void log.push('stopped')),
    );
    await expect(life.start()).rejects.toThrow('no');
    await life.stop();
    expect(log).toEqual(['stopped']);
  });

  it('survives 500 calls in random order', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { log, life } = logged();
      const calls = Array.from({ length: 10 }, () => (Math.random() < 0.5 ? life.start() : life.stop()));
      await Promise.allSettled([...calls, life.stop()]);
      expect([[], ['start starts', 'start ends', 'stop starts', 'stop ends']]).toContainEqual(log);
    }
  });
});

describe('periodically', () => {
  it('skips a run while another is under way, and stops after that has ended', async () => {
    let running = 0;
    let maxRunning = 0;
    let runs = 0;
    const life = periodically(
      1,
      async () => {
        running += 1;
        maxRunning = Math.max(maxRunning, running);
        await new Promise((resolve) => setTimeout(resolve, 10));
        running -= 1;
        runs += 1;
      },
      () => undefined,
    );
    await life.start();
    await expect.poll(() => runs).toBeGreaterThan(3);
    await life.stop();
    expect([maxRunning, running]).toEqual([1, 0]);
  });

  it('goes on after a run that failed, and reports its error', async () => {
    const errors: unknown[] = [];
    const life = periodically(
      1,
      () => Promise.reject(new Error('no')),
      (error) => errors.push(error),
    );
    await life.start();
    await expect.poll(() => errors.length).toBeGreaterThan(1);
    await life.stop();
  });
});
