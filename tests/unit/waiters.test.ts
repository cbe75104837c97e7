import { expect, it, onTestFinished } from 'vitest';
import { framesVersion, framesWithRoom, maxBodyFrameBytes } from '#shared/contract/frame.ts';
import { QueueCounts } from '../../gateway/dispatch/queue-counts.ts';
import type { Waiter, WaiterState } from '../../gateway/dispatch/waiter.ts';
import { Waiters } from '../../gateway/dispatch/waiters.ts';
import { HeldBytes } from '../../gateway/request/held-bytes.ts';

interface Made {
  readonly waiters: Waiters;
  readonly counts: QueueCounts;
  readonly held: HeldBytes;
  add(id?: string, timeoutMs?: number, onTimeout?: (waiter: Waiter) => void): Waiter;
}

function make(): Made {
  const counts = new QueueCounts();
  const held = new HeldBytes(1000);
  const waiters = new Waiters(counts, held);
  const job = {
    method: 'GET',
    target: '/',
    headers: [],
    gateway: 'g',
    deadline: 1,
    redelivery: 'safe',
  } as const;
  onTestFinished(() => {
    for (const id of waiters.ids) clearTimeout(waiters.get(id)?.timer);
  });
  return {
    waiters,
    counts,
    held,
    add: (id = 'r', timeoutMs = 60_000, onTimeout = () => undefined) =>
      waiters.add(
        {
          id,
          key: 'k',
          replica: 'S1',
          since: 0,
          accepted: 0,
          job,
          body: Buffer.alloc(10),
          client: { settle: () => undefined, begin: () => undefined, hint: () => undefined },
        },
        timeoutMs,
        onTimeout,
      ),
  };
}

const states: readonly WaiterState[] = ['adding', 'waiting', 'fetching', 'leaving', 'done'];
const allowed: Readonly<Record<WaiterState, readonly WaiterState[]>> = {
  adding: ['waiting', 'fetching', 'leaving', 'done'],
  waiting: ['fetching', 'done'],
  fetching: ['waiting', 'done'],
  leaving: ['done'],
  done: [],
};

it.each(states)('a waiter in state %s can only make the transitions in the table', (from) => {
  const { add } = make();
  for (const next of states) {
    const waiter = add(`${from}-${next}`);
    if (from !== 'adding') waiter.become(from);
    if (allowed[from].includes(next)) {
      waiter.become(next);
      expect(waiter.state).toBe(next);
    } else {
      expect(() => waiter.become(next)).toThrow(`a waiter cannot go from ${from} to ${next}`);
      expect(waiter.state).toBe(from);
    }
  }
});

it('a waiter stays in state fetching if its job is acknowledged after the reply', () => {
  const { waiters, counts, add } = make();
  const waiter = add();
  waiter.become('fetching');
  waiters.arrive(waiter);
  expect(waiter.state).toBe('fetching');
  waiters.end(waiter);
  expect(counts.of('S1').size).toBe(0);
});

it.each([
  ['adding', 'leaving', false],
  ['waiting', 'done', true],
  ['fetching', 'done', false],
] as const)(
  'if the client leaves in state %s, the state becomes %s, and whether its job is withdrawn is %s',
  (from, to, withdraws) => {
    const { waiters, add } = make();
    const waiter = add();
    if (from !== 'adding') waiter.become(from);
    expect(waiters.leave(waiter)).toBe(withdraws);
    expect(waiter.state).toBe(to);
    expect(waiter.isWaitedFor).toBe(false);
    expect(waiters.get('r')).toBeUndefined();
  },
);

it('counts a request and its bytes until it ends, even if its job is not acknowledged yet', () => {
  const { waiters, counts, held, add } = make();
  const [first, second] = [add('1'), add('2')];
  waiters.arrive(first);
  expect([counts.of('S1').size, held.size, waiters.countOf('S1')]).toEqual([2, 20, 2]);
  waiters.end(first);
  expect(waiters.leave(second)).toBe(false);
  waiters.arrive(second);
  expect([counts.of('S1').size, held.size, waiters.countOf('S1')]).toEqual([0, 0, 0]);
  expect([...waiters.replicas]).toEqual([]);
});

it('reports a timeout once, and not if the request has already ended', async () => {
  const { waiters, add } = make();
  const late = Promise.withResolvers<Waiter>();
  const timedOut: string[] = [];
  const ended = add('1', 1, ({ request }) => void timedOut.push(request.id));
  const waiting = add('2', 2, (waiter) => late.resolve(waiter));
  waiters.end(ended);
  expect(await late.promise).toBe(waiting);
  expect(timedOut).toEqual([]);
  expect(waiting.state).toBe('adding');
});

it('a job says that its gateway has room for a long answer only while all of them would fit', () => {
  const held = new HeldBytes(maxBodyFrameBytes(framesWithRoom) + 10);
  const waiters = new Waiters(new QueueCounts(), held);
  expect(waiters.frames).toBe(framesWithRoom);
  held.takeAnswer(11);
  expect(waiters.frames).toBe(framesVersion);
  held.giveAnswer(1);
  expect(waiters.frames).toBe(framesWithRoom);
});
