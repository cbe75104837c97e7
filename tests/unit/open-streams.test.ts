import { describe, expect, it } from 'vitest';
import { windowBytes } from '#shared/contract/frame.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import { createLogger } from '#shared/process/logger.ts';
import { HeldBytes } from '../../gateway/request/held-bytes.ts';
import type { StreamListener } from '../../gateway/streams/client-stream.ts';
import { OpenStreams } from '../../gateway/streams/open-streams.ts';
import { SignalSender } from '../../gateway/streams/signal-sender.ts';
import { StreamMemory } from '../../gateway/streams/stream-memory.ts';
import { StreamPresence } from '../../gateway/streams/stream-presence.ts';
import { StreamReader } from '../fixtures/stream-reader.ts';

const log = createLogger('test', 'silent');
const bytes = Buffer.from('abc');
const fence = 5;
const settled = { interval: 1 };

interface Made {
  readonly streams: OpenStreams;
  /** `<replica>` and the signals of each message. */
  readonly messages: [string, readonly StreamSignal[]][];
  /** The signals of all messages. */
  readonly signals: () => readonly StreamSignal[];
  open(id: string, replica?: string): { readonly client: StreamReader; readonly listener: StreamListener };
}

function make(bytesInFlight = 2 ** 30, gapMs = 60_000): Made {
  const messages: Made['messages'] = [];
  const announce = (replica: string, some: readonly StreamSignal[]): Promise<void> => {
    messages.push([replica, some]);
    return Promise.reject(new Error('Redis is away'));
  };
  const sender = new SignalSender({ announce, log });
  const memory = new StreamMemory(new HeldBytes(bytesInFlight));
  const streams = new OpenStreams(sender, new StreamPresence('g1', sender), memory, gapMs);
  return {
    streams,
    messages,
    signals: () => messages.flatMap(([, some]) => some),
    open: (id, replica = 'S1') => {
      const client = new StreamReader();
      let heard: StreamListener | undefined;
      streams.open({
        id,
        replica,
        terms: { fence, credit: 65_536 },
        first: Buffer.alloc(0),
        begin: (listener) => {
          heard = listener;
          return client;
        },
      });
      if (heard === undefined) throw new Error('it was not begun');
      return { client, listener: heard };
    },
  };
}

describe('open streams', () => {
  it('are known from their head to their end', () => {
    const { streams, open } = make();
    const { client } = open('a');
    open('b', 'S2');
    expect([[...streams.ids], [...streams.replicas], streams.size]).toEqual([['a', 'b'], ['S1', 'S2'], 2]);
    streams.receive('S1', { kind: 'chunk', id: 'a', fence, offset: 0, bytes });
    streams.receive('S1', { kind: 'end', id: 'a', fence, length: 3 });
    expect([String(client.bytes), client.outcome]).toEqual(['abc', 'clean']);
    streams.receive('S2', { kind: 'abort', id: 'b', fence, code: 'worker_died' });
    expect([streams.size, ...streams.replicas]).toEqual([0]);
    expect(streams.counts).toEqual({
      begun: 2,
      chunks: 1,
      bytes: 3,
      dropped: 0,
      aborted: new Map([['worker_died', 1]]),
    });
  });

  it('tell each worker in one message what a few ms have brought', async () => {
    const { streams, messages, open } = make();
    const { listener } = open('a');
    open('b');
    const other = open('c', 'S2').listener;
    for (const { taken } of [listener, other]) taken(40_000);
    listener.taken(1_000_000);
    streams.leave('b');
    await expect.poll(() => messages.length, settled).toBe(2);
    expect(new Map(messages)).toEqual(
      new Map([
        [
          'S1',
          [
            { kind: 'grant', fence, offset: 1_000_000 + windowBytes, id: 'a' },
            { kind: 'cancel', fence, id: 'b' },
          ],
        ],
        ['S2', [{ kind: 'grant', fence, offset: 40_000 + windowBytes, id: 'c' }]],
      ]),
    );
  });

  it('answer a worker that waits for credit with what is granted', async () => {
    const { streams, signals, open } = make();
    open('a');
    streams.receive('S1', { kind: 'blocked', id: 'a', fence, offset: 0 });
    await expect.poll(signals, settled).toEqual([{ kind: 'grant', fence, offset: 65_536, id: 'a' }]);
  });

  it('have an unknown stream cancelled once a second at most, and one that has just been left not again', async () => {
    const { streams, signals, open } = make();
    open('a');
    streams.leave('a');
    for (const id of ['a', 'b', 'b']) {
      streams.receive('S1', { kind: 'chunk', id, fence, offset: 0, bytes });
      streams.receive('S1', { kind: 'blocked', id, fence, offset: 0 });
      streams.receive('S1', { kind: 'end', id, fence, length: 0 });
    }
    const cancels = ['a', 'b'].map((id) => ({ kind: 'cancel', fence, id }));
    await expect.poll(signals, settled).toEqual(cancels);
    expect(streams.counts.dropped).toBe(9);
    const began = performance.now();
    await expect
      .poll(() => {
        streams.receive('S1', { kind: 'chunk', id: 'b', fence, offset: 0, bytes });
        return signals().length;
      }, settled)
      .toBe(3);
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  it('have the stream of another fence cancelled, and not their own', async () => {
    const { streams, signals, open } = make();
    const { client } = open('a');
    streams.receive('S1', { kind: 'chunk', id: 'a', fence: 4, offset: 0, bytes });
    streams.refuseHead('S1', 'a', { fence: 6, credit: 1 });
    streams.refuseHead('S1', 'a', { fence, credit: 1 });
    await expect.poll(signals, settled).toEqual([
      { kind: 'cancel', fence: 4, id: 'a' },
      { kind: 'cancel', fence: 6, id: 'a' },
    ]);
    expect([client.outcome, streams.size]).toEqual([undefined, 1]);
  });

  it.each([
    ['chunk', { kind: 'chunk', id: 'a', fence, offset: 4, bytes }],
    ['blocked', { kind: 'blocked', id: 'a', fence, offset: 4 }],
    ['end', { kind: 'end', id: 'a', fence, length: 4 }],
  ] as const)('ask for what is missing before a frame %s, and break if it stays so', async (_kind, frame) => {
    const { streams, signals, open } = make(2 ** 30, 50);
    const { client } = open('a');
    streams.receive('S1', frame);
    expect([client.outcome, streams.size]).toEqual([undefined, 1]);
    await expect.poll(() => client.outcome, settled).toBe('broken');
    expect([streams.size, [...streams.counts.aborted]]).toEqual([0, [['gap', 1]]]);
    await expect.poll(() => signals().at(-1), settled).toEqual({ kind: 'cancel', fence, id: 'a' });
    expect(signals()[0]).toEqual({ kind: 'missing', offset: 0, id: 'a' });
  });

  it('go on once the missing frames have come', async () => {
    const { streams, signals, open } = make();
    const { client } = open('a');
    streams.receive('S1', { kind: 'chunk', id: 'a', fence, offset: 0, bytes });
    for (const offset of [6, 3, 6]) streams.receive('S1', { kind: 'chunk', id: 'a', fence, offset, bytes });
    streams.receive('S1', { kind: 'end', id: 'a', fence, length: 9 });
    expect([String(client.bytes), client.outcome]).toEqual(['abcabcabc', 'clean']);
    await expect.poll(signals, settled).toEqual([{ kind: 'missing', offset: 3, id: 'a' }]);
  });

  it('ask for all that may be lost with the connection of the inbox', async () => {
    const { streams, signals, open } = make();
    for (const id of ['a', 'b']) open(id);
    streams.receive('S1', { kind: 'chunk', id: 'a', fence, offset: 0, bytes });
    streams.askForAll();
    await expect.poll(signals, settled).toEqual([
      { kind: 'missing', offset: 3, id: 'a' },
      { kind: 'missing', offset: 0, id: 'b' },
    ]);
  });

  it('break if they are lost', () => {
    const { streams, open } = make();
    const { client } = open('a');
    streams.lose('a');
    streams.lose('a');
    expect([client.outcome, streams.size, [...streams.counts.aborted]]).toEqual(['broken', 0, [['lost', 1]]]);
  });

  it('share the wide windows that fit into half of BYTES_IN_FLIGHT, and give them back', async () => {
    const { streams, signals, open } = make(5 * windowBytes);
    const grantOf = async (id: string): Promise<number> => {
      const { listener } = open(id);
      listener.taken(65_536);
      let found = 0;
      await expect
        .poll(() => {
          for (const each of signals()) if (each.kind === 'grant' && each.id === id) found = each.offset;
          return found;
        }, settled)
        .toBeGreaterThan(0);
      return found - 65_536;
    };
    expect([await grantOf('a'), await grantOf('b'), await grantOf('c')]).toEqual([
      windowBytes,
      windowBytes,
      65_536,
    ]);
    streams.leave('a');
    expect([await grantOf('d'), await grantOf('e')]).toEqual([windowBytes, 65_536]);
  });
});
