import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Place, QueueCount } from '../../gateway/dispatch/queue-count.ts';
import type { PollNumber } from '../../gateway/dispatch/queue-count.ts';
import { QueueCounts } from '../../gateway/dispatch/queue-counts.ts';

const steps = ['plain', 'async', 'redis', 'redis', 'reply', 'reply', 'finish', 'answer', 'poll'] as const;

interface Request {
  readonly plain: boolean;
  added: PollNumber | undefined;
  answered: boolean;
}

/** A gateway, Redis, and a worker that takes a job as soon as it has a free slot. */
class World {
  readonly count = new QueueCount();
  readonly #limit: number;
  readonly #slots: number;
  /** Calls on their way to Redis, and replies on their way back. Both keep their order. */
  readonly #calls: (Request | 'poll')[] = [];
  readonly #replies: (Request | { readonly ready: number; readonly unknown: number })[] = [];
  readonly #ready: Request[] = [];
  readonly #running: Request[] = [];
  readonly #answers: Request[] = [];
  /**
   * Answers that were on their way during the last poll. The jobs that were taken after them are counted as
   * gone twice.
   */
  slack = 0;

  constructor(limit: number, slots: number) {
    this.#limit = limit;
    this.#slots = slots;
  }

  /** Requests that no worker has taken. */
  get waiting(): number {
    return this.#ready.length + this.#calls.filter((call) => call !== 'poll').length;
  }

  step(step: (typeof steps)[number]): void {
    switch (step) {
      case 'plain':
      case 'async':
        if (this.count.size >= this.#limit) return;
        this.count.send();
        this.#calls.push({ plain: step === 'plain', added: undefined, answered: false });
        return;
      case 'poll':
        this.#calls.push('poll');
        return;
      case 'redis':
        this.#execute();
        return;
      case 'reply':
        this.#receive();
        return;
      case 'finish': {
        const [done] = this.#running.splice(0, 1);
        if (done?.plain) this.#answers.push(done);
        this.#take();
        return;
      }
      case 'answer': {
        const answered = this.#answers.shift();
        if (answered === undefined) return;
        answered.answered = true;
        if (answered.added === undefined) this.count.drop();
        else this.count.end(answered.added);
      }
    }
  }

  #execute(): void {
    const call = this.#calls.shift();
    if (call === undefined) return;
    if (call === 'poll') {
      this.#replies.push({ ready: this.#ready.length, unknown: this.#answers.length });
      return;
    }
    this.#ready.push(call);
    this.#replies.push(call);
    this.#take();
  }

  #receive(): void {
    const reply = this.#replies.shift();
    if (reply === undefined) return;
    if ('ready' in reply) {
      this.count.update({ ready: reply.ready, delayed: 0 });
      this.slack = reply.unknown;
    } else if (!reply.answered) {
      reply.added = this.count.arrive();
    }
  }

  #take(): void {
    while (this.#running.length < this.#slots && this.#ready.length > 0) {
      this.#running.push(...this.#ready.splice(0, 1));
    }
  }
}

describe('the count of a queue', () => {
  it('is never below the number of waiting requests, in any order of events', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom(...steps), { maxLength: 300 }),
        (limit, slots, taken) => {
          const world = new World(limit, slots);
          for (const step of taken) {
            world.step(step);
            expect(world.count.size).toBeGreaterThanOrEqual(0);
            expect(world.waiting).toBeLessThanOrEqual(world.count.size + world.slack);
            expect(world.waiting).toBeLessThanOrEqual(limit + world.slack);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is zero after a poll of an empty queue, once all requests are answered', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...steps), { maxLength: 300 }), (taken) => {
        const world = new World(8, 2);
        for (const step of taken) world.step(step);
        for (const step of ['redis', 'reply', 'finish', 'answer', 'poll', 'redis', 'reply'] as const) {
          for (let again = 0; again < (step === 'poll' ? 1 : 600); again += 1) world.step(step);
        }
        expect(world.count.size).toBe(0);
      }),
    );
  });

  it('includes all async requests until the next poll', () => {
    const count = new QueueCount();
    for (let at = 0; at < 10; at += 1) {
      count.send();
      count.arrive();
    }
    expect(count.size).toBe(10);
    count.update({ ready: 2, delayed: 3 });
    expect(count.size).toBe(5);
  });

  it('does not grow with requests that are answered between two polls', () => {
    const count = new QueueCount();
    for (let at = 0; at < 1000; at += 1) {
      count.send();
      count.end(count.arrive());
      count.send();
      count.drop();
    }
    expect(count.size).toBe(0);
  });

  it('decreases if a request of the last poll is answered, but never below the delayed jobs', () => {
    const count = new QueueCount();
    count.send();
    const added = count.arrive();
    count.update({ ready: 1, delayed: 4 });
    count.end(added);
    count.end(added);
    expect(count.size).toBe(4);
  });
});

describe('the place of an async request', () => {
  it('is counted from when its job is sent until the request is known to have ended', async () => {
    const count = new QueueCount();
    const place = await Place.hold(count, (held) => {
      expect(count.size).toBe(1);
      held.arrive();
      return Promise.resolve(held);
    });
    expect(count.size).toBe(1);
    place.free();
    place.free();
    expect(count.size).toBe(0);
  });

  it('is free if the request was already known or was not accepted', async () => {
    const count = new QueueCount();
    await Place.hold(count, () => Promise.resolve());
    await expect(Place.hold(count, () => Promise.reject(new Error('Redis is away')))).rejects.toThrow('away');
    expect(count.size).toBe(0);
  });
});

it('deletes empty counts of replicas for which no request waits', () => {
  const counts = new QueueCounts();
  counts.of('S1').send();
  counts.of('S2').drop();
  counts.of('S2').send();
  counts.of('S3').send();
  counts.of('S3').drop();
  expect(counts.nonEmpty).toEqual(['S1']);
  const [second, third] = [counts.of('S2'), counts.of('S3')];
  counts.deleteEmpty((replica) => replica === 'S2', performance.now());
  expect(counts.of('S2')).toBe(second);
  expect(counts.of('S3')).not.toBe(third);
});

describe('a poll is due', () => {
  const now = 20_000;
  const polled = (ready = 0): QueueCount => {
    const count = new QueueCount();
    count.update({ ready, delayed: 0 }, now);
    return count;
  };
  const word = (load: number) => ({ load, prioritized: undefined, concurrency: undefined });

  it('if nothing is known yet, or nothing new for ten seconds', () => {
    expect(new QueueCount().isPollDue(1000, now)).toBe(true);
    expect(polled().isPollDue(1000, now + 10_000)).toBe(false);
    expect(polled().isPollDue(1000, now + 10_001)).toBe(true);
  });

  it('if jobs were added of which no word of Redis tells, such as delayed ones', () => {
    const count = polled();
    count.send();
    count.arrive();
    expect(count.isPollDue(1000, now)).toBe(true);
    count.update({ ready: 0, delayed: 1 }, now);
    expect(count.isPollDue(1000, now)).toBe(false);
  });

  it('but not after jobs whose call has told how many wait and run', () => {
    const count = polled();
    for (let at = 0; at < 3; at += 1) count.send();
    count.tell(word(3), now, 3);
    for (let at = 0; at < 3; at += 1) count.arrive();
    expect(count.isPollDue(1000, now)).toBe(false);
  });

  it('if the queue is a quarter full, by this count or by the word of Redis', () => {
    expect(polled(249).isPollDue(1000, now)).toBe(false);
    expect(polled(250).isPollDue(1000, now)).toBe(true);
    const count = polled();
    count.tell(word(250), now);
    expect(count.isPollDue(1000, now)).toBe(true);
  });
});
