import { describe, expect, it, onTestFinished } from 'vitest';
import type { Frame } from '#shared/contract/frame.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import { createLogger } from '#shared/process/logger.ts';
import { ArrivedFrames } from '../../gateway/dispatch/arrived-frames.ts';
import type { BegunOutcome, Outcome } from '../../gateway/dispatch/dispatch-client.ts';
import { QueueCounts } from '../../gateway/dispatch/queue-counts.ts';
import type { Waiter } from '../../gateway/dispatch/waiter.ts';
import { Waiters } from '../../gateway/dispatch/waiters.ts';
import { HeldBytes } from '../../gateway/request/held-bytes.ts';
import { OpenStreams } from '../../gateway/streams/open-streams.ts';
import { SignalSender } from '../../gateway/streams/signal-sender.ts';
import { StreamMemory } from '../../gateway/streams/stream-memory.ts';
import { StreamPresence } from '../../gateway/streams/stream-presence.ts';
import { StreamReader } from '../fixtures/stream-reader.ts';

const [id, fence] = ['r.S1', 5];
const reply = { id, status: 200, headers: [], body: Buffer.from('ab') };
const head: Frame = { kind: 'head', reply, terms: { fence, credit: 65_536 } };
const chunk: Frame = { kind: 'chunk', id, fence, offset: 2, bytes: Buffer.from('cd') };
const end: Frame = { kind: 'end', id, fence, length: 4 };
const abort: Frame = { kind: 'abort', id, fence, code: 'worker_died' };

interface Made {
  readonly frames: ArrivedFrames;
  readonly waiters: Waiters;
  readonly counts: QueueCounts;
  readonly streams: OpenStreams;
  readonly client: StreamReader;
  /** What the client has got, besides the bytes of streams. */
  readonly got: (Outcome | BegunOutcome | readonly string[])[];
  /** The waiters that were found lost. */
  readonly lost: Waiter[];
  readonly signals: StreamSignal[];
  readonly removed: string[];
  wait(): Waiter;
}

function make(gapMs?: number): Made {
  const log = createLogger('test', 'silent');
  const held = new HeldBytes(2 ** 30);
  const counts = new QueueCounts();
  const waiters = new Waiters(counts, held);
  const signals: StreamSignal[] = [];
  const announce = (_replica: string, some: readonly StreamSignal[]): Promise<void> => {
    signals.push(...some);
    return Promise.resolve();
  };
  const sender = new SignalSender({ announce, log });
  const streams = new OpenStreams(sender, new StreamPresence('g1', sender), new StreamMemory(held));
  const [got, lost, removed]: [Made['got'], Waiter[], string[]] = [[], [], []];
  const frames = new ArrivedFrames({
    waiters,
    streams,
    bodies: {
      fetch: () => new Promise(() => undefined),
      remove: (_replica, request) => void removed.push(request),
    },
    at: (time) => time,
    onLost: (waiter) => void lost.push(waiter),
    ...(gapMs !== undefined && { gapMs }),
  });
  const client = new StreamReader();
  onTestFinished(() => {
    for (const each of waiters.ids) clearTimeout(waiters.get(each)?.timer);
    for (const each of streams.ids) streams.leave(each);
  });
  const wait = (): Waiter => {
    const job = {
      method: 'GET',
      target: '/',
      headers: [],
      gateway: 'g1',
      deadline: 1000,
      redelivery: 'safe',
    } as const;
    const waiter = waiters.add(
      {
        id,
        key: 'k',
        replica: 'S1',
        since: 100,
        accepted: 0,
        job,
        body: Buffer.alloc(10),
        client: {
          settle: (outcome) => void got.push(outcome),
          begin: (outcome) => {
            got.push(outcome);
            return client;
          },
          hint: (headers) => void got.push(headers),
        },
      },
      60_000,
      () => undefined,
    );
    waiters.arrive(waiter);
    return waiter;
  };
  return { frames, waiters, counts, streams, client, got, lost, signals, removed, wait };
}

describe('the head of a stream', () => {
  it('ends the wait for the answer, and what follows goes to the client', () => {
    const { frames, waiters, counts, streams, client, got, wait } = make();
    wait();
    const run = { leftMs: 800, serviceMs: 3, attempt: 2, adopter: undefined };
    frames.receive('S1', { ...head, reply: { ...reply, run } });
    expect(got).toEqual([
      {
        id,
        replica: 'S1',
        head: { status: 200, headers: [] },
        hasBytes: true,
        ran: { queueMs: 100, serviceMs: 3, attempt: 2, adoptedBy: undefined },
      },
    ]);
    expect([waiters.size, counts.of('S1').size, streams.size]).toEqual([0, 0, 1]);
    frames.receive('S1', chunk);
    frames.receive('S1', end);
    expect([String(client.bytes), client.outcome, streams.size]).toEqual(['abcd', 'clean', 0]);
    expect(frames.unclaimedCount).toBe(0);
  });

  it('may overtake the acknowledgement of its job', () => {
    const { frames, waiters, streams, wait } = make();
    const waiter = wait();
    frames.receive('S1', head);
    waiters.arrive(waiter);
    expect([waiter.state, streams.size]).toEqual(['done', 1]);
  });

  it('is dropped if it comes again', () => {
    const { frames, streams, client, signals, got, wait } = make();
    wait();
    frames.receive('S1', head);
    frames.receive('S1', head);
    frames.receive('S1', chunk);
    frames.receive('S1', end);
    expect([got.length, String(client.bytes), client.outcome]).toEqual([1, 'abcd', 'clean']);
    expect([streams.counts.dropped, signals]).toEqual([1, []]);
  });

  it('has its stream cancelled if nobody waits', async () => {
    const { frames, signals, streams } = make();
    frames.receive('S1', head);
    frames.receive('S1', chunk);
    frames.receive('S1', end);
    await expect.poll(() => signals, { interval: 1 }).toEqual([{ kind: 'cancel', fence, id }]);
    expect(streams.counts.dropped).toBe(3);
  });

  it('comes after its hints', () => {
    const { frames, got, wait } = make();
    wait();
    frames.receive('S1', { kind: 'hints', id, headers: ['Link', '</a>'] });
    frames.receive('S1', head);
    frames.receive('S1', { kind: 'hints', id, headers: ['Link', '</b>'] });
    expect(got).toMatchObject([['Link', '</a>'], { id }]);
  });
});

describe('a stream whose head is lost', () => {
  it('begins once its head was sent again, with what followed it', async () => {
    const { frames, streams, client, signals, lost, wait } = make();
    wait();
    frames.receive('S1', chunk);
    await expect.poll(() => signals, { interval: 1 }).toEqual([{ kind: 'missing', offset: undefined, id }]);
    for (const frame of [head, chunk, end]) frames.receive('S1', frame);
    expect([String(client.bytes), client.outcome, streams.size, lost]).toEqual(['abcd', 'clean', 0, []]);
  });

  it.each([
    ['end', end],
    ['abort', abort],
  ])('is stopped if it stays so, and its request is lost once its job is gone: %s', async (_kind, last) => {
    const { frames, signals, lost, wait } = make(50);
    const waiter = wait();
    frames.receive('S1', chunk);
    frames.receive('S1', chunk);
    await expect.poll(() => signals.at(-1), { interval: 1 }).toEqual({ kind: 'cancel', fence, id });
    expect(signals[0]).toEqual({ kind: 'missing', offset: undefined, id });
    expect([waiter.state, lost]).toEqual(['waiting', []]);
    frames.receive('S1', last);
    expect(lost).toEqual([waiter]);
  });

  it('is asked for when the connection of the inbox broke, and so is what open streams miss', async () => {
    const { frames, waiters, signals, wait } = make();
    wait();
    frames.askForAll();
    await expect.poll(() => signals, { interval: 1 }).toEqual([{ kind: 'missing', offset: undefined, id }]);
    frames.receive('S1', head);
    frames.askForAll();
    await expect.poll(() => signals.at(-1), { interval: 1 }).toEqual({ kind: 'missing', offset: 2, id });
    expect(waiters.size).toBe(0);
  });

  it('is not lost again while it is dispatched again', () => {
    const { frames, waiters, lost, wait } = make();
    waiters.end(wait());
    const again = wait();
    again.become('fetching');
    frames.receive('S1', end);
    expect(lost).toEqual([]);
  });
});

describe('a whole reply', () => {
  it('breaks a stream of the same request: its job has ended', () => {
    const { frames, streams, client, wait } = make();
    wait();
    frames.receive('S1', head);
    frames.receive('S1', { kind: 'reply', reply });
    expect([client.outcome, streams.size, frames.unclaimedCount]).toEqual(['broken', 0, 1]);
  });

  it('is put together with the bytes that came before it', () => {
    const { frames, got, lost, wait } = make();
    wait();
    const bytes = Buffer.from('large');
    frames.receive('S1', { kind: 'body', id, fence, bytes });
    frames.receive('S1', {
      kind: 'reply',
      reply: { ...reply, body: undefined, bodyFrame: { fence, length: 5 } },
    });
    expect(got).toMatchObject([{ id, replica: 'S1', result: { status: 200, body: bytes } }]);
    expect(lost).toEqual([]);
  });

  it.each([
    ['none', undefined],
    ['those of another run', { kind: 'body', id, fence: 4, bytes: Buffer.from('large') }],
    ['too few', { kind: 'body', id, fence, bytes: Buffer.from('larg') }],
  ] as const)('is lost if its bytes were to come before it and there are %s', (_what, body) => {
    const { frames, got, lost, wait } = make();
    const waiter = wait();
    if (body !== undefined) frames.receive('S1', body);
    frames.receive('S1', {
      kind: 'reply',
      reply: { ...reply, body: undefined, bodyFrame: { fence, length: 5 } },
    });
    expect([got, lost]).toEqual([[], [waiter]]);
  });

  it('has its stored body removed if nobody waits', () => {
    const { frames, removed } = make();
    frames.receive('S1', { kind: 'body', id, fence, bytes: Buffer.from('large') });
    frames.receive('S1', {
      kind: 'reply',
      reply: { ...reply, body: undefined, bodyFrame: { fence, length: 5 } },
    });
    expect(removed).toEqual([]);
    frames.receive('S1', { kind: 'reply', reply: { ...reply, body: undefined, storedBytes: 5 } });
    expect([removed, frames.unclaimedCount]).toEqual([[id], 2]);
  });
});
