import { describe, expect, it } from 'vitest';
import { eventBytes, events } from '../fixtures/pattern.ts';
import type { StreamRecord } from '../chaos/streams/stream-record.ts';
import { alwaysUnmetOfStreams, hitOf, judgeStreams, streamNote } from '../chaos/streams/stream-verdict.ts';
import { positionOf, streamAnswer, streamPath } from '../chaos/streams/stream-work.ts';

const record = (fields: Partial<StreamRecord>): StreamRecord => ({
  id: 'a',
  kind: 'live',
  target: 0,
  replica: 'S1',
  sent: 1000,
  ended: 3000,
  wanted: 500,
  bytes: 500,
  wrongAt: undefined,
  ending: { kind: 'clean' },
  resumed: 0,
  ...fields,
});
const broken = { kind: 'broken', code: 'ECONNRESET' } as const;
const unmetOf = (...records: StreamRecord[]): string[] => alwaysUnmetOfStreams(judgeStreams(records));

describe('the verdict on streams', () => {
  it('accepts a whole stream, a broken one, a refused one, and one whose client has left', () =>
    expect(
      unmetOf(
        record({}),
        record({ bytes: 100, ending: broken }),
        record({ bytes: 0, ending: { kind: 'refused', code: 'redis_away' } }),
        record({ bytes: 100, ending: { kind: 'left' } }),
      ),
    ).toEqual([]));

  it('finds a clean end with fewer or more bytes', () =>
    expect(unmetOf(record({ bytes: 400 }), record({ bytes: 600 }))).toEqual([
      '2 streams ended cleanly with another length, e.g. a (400 of 500 bytes)',
    ]));

  it('finds a wrong byte, however the stream ended', () =>
    expect(unmetOf(record({ wrongAt: 7, ending: broken }))).toEqual([
      '1 streams have wrong bytes, e.g. a (byte 7 is wrong)',
    ]));

  it('finds a stream without an end', () =>
    expect(unmetOf(record({ bytes: 200, ending: { kind: 'silence' } }))).toEqual([
      '1 streams never ended, e.g. a (nothing followed 200 bytes)',
    ]));

  it('finds a kept stream that could not be read whole', () =>
    expect(
      unmetOf(record({ kind: 'kept', readWhole: true }), record({ kind: 'kept', readWhole: false })),
    ).toEqual(['1 kept streams could not be read whole, e.g. a (it is not kept whole)']));

  it('says in a note what became of them', () =>
    expect(streamNote(judgeStreams([record({}), record({ ending: broken, resumed: 1 })]))).toBe(
      '2 streams, 0.0 MB; 1 whole; 1 broken (1 ECONNRESET); taken up 1 times; 0 not begun',
    ));

  it('finds streams that a fault broke and did not concern', () => {
    const fault = { from: 2000, to: 4000 };
    const others = ({ replica }: StreamRecord): boolean => replica !== 'S1';
    const hit = (fields: Partial<StreamRecord>): string[] =>
      hitOf([record({ ending: broken, ...fields })], fault, others);
    expect(hit({ replica: 'S1' })).toEqual([]);
    expect(hit({ replica: 'S2', ended: 1500 })).toEqual([]);
    expect(hit({ replica: 'S2' })).toEqual([
      '1 streams were broken that the fault did not concern, e.g. a of S2 after 500 bytes',
    ]);
  });
});

describe('the stream that a replica answers', () => {
  const asked = { seed: 17, bytes: 25 * eventBytes, piece: 4 * eventBytes, everyMs: 0 };
  const url = new URL(streamPath('id', asked), 'http://127.0.0.1');
  const bytesOf = async (response = new Response()): Promise<Uint8Array> =>
    new Uint8Array(await response.arrayBuffer());

  it('has the bytes of its seed', async () => {
    const bytes = await bytesOf(streamAnswer(url));
    expect(bytes).toHaveLength(asked.bytes);
    expect(events.firstWrong(positionOf(17, 0), bytes)).toBe(-1);
    expect(events.firstWrong(positionOf(18, 0), bytes)).not.toBe(-1);
  });

  it('goes on where an earlier run has left it', async () => {
    const response = streamAnswer(url, { offset: 10 * eventBytes });
    expect(response?.headers.get('ringpost-resumed-from')).toBe('1000');
    const bytes = await bytesOf(response);
    expect(bytes).toHaveLength(15 * eventBytes);
    expect(events.firstWrong(positionOf(17, 10 * eventBytes), bytes)).toBe(-1);
  });

  it('is undefined for other requests', () =>
    expect(streamAnswer(new URL('http://127.0.0.1/id'))).toBeUndefined());
});
