import { describe, expect, it } from 'vitest';
import { startStop } from '#shared/process/lifecycle.ts';
import { periodically } from '#shared/process/periodically.ts';

/** Something that notes what is done to it, each in its own time. */
function noted(): { readonly log: string[]; readonly life: ReturnType<typeof startStop> } {
  const log: string[] = [];
  const slow = async (what: string): Promise<void> => {
    log.push(`${what} begins`);
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
  it('starts and stops once, however often and at once it is told to', async () => {
    const { log, life } = noted();
    await Promise.all([life.start(), life.start()]);
    await Promise.all([life.stop(), life.stop(), life.stop()]);
    await life.stop();
    expect(log).toEqual(['start begins', 'start ends', 'stop begins', 'stop ends']);
  });

  it('stops only when a start that is under way has ended', async () => {
    const { log, life } = noted();
    const starting = life.start();
    await life.stop();
    await starting;
    expect(log).toEqual(['start begins', 'start ends', 'stop begins', 'stop ends']);
  });

  it('has nothing to stop where nothing was started, and starts no more then', async () => {
    const { log, life } = noted();
    await life.stop();
    await expect(life.start()).rejects.toThrow('cannot be started again');
    expect(log).toEqual([]);
  });

  it('is stopped also where its start failed', async () => {
    const log: string[] = [];
    const life = startStop(
      () => Promise.reject(new Error('no')),
      () => Promise.resolve(void log.push('stopped')),
    );
    await expect(life.start()).rejects.toThrow('no');
    await life.stop();
    expect(log).toEqual(['stopped']);
  });

  it('survives any order of calls: 500 at random', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { log, life } = noted();
      const calls = Array.from({ length: 10 }, () => (Math.random() < 0.5 ? life.start() : life.stop()));
      await Promise.allSettled([...calls, life.stop()]);
      expect([[], ['start begins', 'start ends', 'stop begins', 'stop ends']]).toContainEqual(log);
    }
  });
});

describe('periodically', () => {
  it('passes over the times that come while one goes on, and stops when that has ended', async () => {
    let under = 0;
    let most = 0;
    let times = 0;
    const life = periodically(
      1,
      async () => {
        under += 1;
        most = Math.max(most, under);
        await new Promise((resolve) => setTimeout(resolve, 10));
        under -= 1;
        times += 1;
      },
      () => undefined,
    );
    await life.start();
    await expect.poll(() => times).toBeGreaterThan(3);
    await life.stop();
    expect([most, under]).toEqual([1, 0]);
  });

  it('goes on after a time that failed, and tells of it', async () => {
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
