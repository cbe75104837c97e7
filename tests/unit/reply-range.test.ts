import { describe, expect, it } from 'vitest';
import { eventWanted, streamAnswerOf, wantedPartOf } from '../../gateway/routes/reply-range.ts';
import type { WantedFields } from '../../gateway/routes/reply-range.ts';

const wanted = (fields: Partial<WantedFields>) =>
  wantedPartOf({
    offset: undefined,
    range: undefined,
    ifRange: undefined,
    lastEventId: undefined,
    ...fields,
  });
const headers = [
  'Content-Type',
  'text/event-stream',
  'Connection',
  'close',
  'Content-Length',
  '99',
  'X',
  'y',
];
const running = { fence: 1, status: 200, reason: 'Fine', headers };
const ended = { ...running, length: 10 };
const kept = ['Content-Type', 'text/event-stream', 'X', 'y'];

describe('what a client wants of a kept stream', () => {
  it.each([
    [{}, { kind: 'all' }],
    [{ offset: '7' }, { kind: 'from', offset: 7 }],
    [
      { offset: '0', range: 'bytes=3-' },
      { kind: 'from', offset: 0 },
    ],
    [{ range: 'bytes=3-' }, { kind: 'range', first: 3, live: false }],
    [{ range: 'Bytes=3-5' }, { kind: 'range', first: 3, last: 5, live: false }],
    [{ range: 'bytes=3-9007199254740991' }, { kind: 'range', first: 3, live: true }],
    [{ range: 'bytes=3-99999999999999999999' }, { kind: 'range', first: 3, live: true }],
    [
      { range: 'bytes=3-', lastEventId: '5' },
      { kind: 'range', first: 3, live: false },
    ],
    [{ range: 'bytes=3-', ifRange: '"x"' }, { kind: 'all' }],
    [{ range: 'bytes=5-3' }, { kind: 'all' }],
    [{ range: 'bytes=-3' }, { kind: 'all' }],
    [{ range: 'bytes=0-1,3-4' }, { kind: 'all' }],
    [{ range: 'lines=3-' }, { kind: 'all' }],
    [{ lastEventId: '5' }, { kind: 'behindEvent', lastId: '5' }],
    [{ lastEventId: '' }, { kind: 'all' }],
  ])('is said by %j', (fields, part) => {
    expect(wanted(fields)).toEqual(part);
  });

  it.each(['', '-1', '1.5', 'x', '9007199254740992', '12345678901234567'])(
    'is not the offset %j',
    (offset) => {
      expect(() => wanted({ offset })).toThrow('Ringpost-Offset');
    },
  );

  it('is behind an event only if the stream has events', () => {
    const part = wanted({ lastEventId: '5' });
    expect(eventWanted(part, running)).toBe('5');
    expect(eventWanted(part, { ...running, headers: ['content-type', 'text/plain'] })).toBeUndefined();
    expect(eventWanted(wanted({}), running)).toBeUndefined();
  });
});

describe('a request for a kept stream that runs', () => {
  const answer = (fields: Partial<WantedFields>, behindEvent?: number) =>
    streamAnswerOf(wanted(fields), running, 8, behindEvent);
  const own = { status: 200, reason: 'Fine' };

  it('is answered from the start, without a length', () => {
    expect(answer({})).toEqual({ ...own, headers: kept, bytes: { from: 0 } });
  });

  it('is answered from an offset, which is repeated', () => {
    const from = (offset: number) => ({
      ...own,
      headers: [...kept, 'Ringpost-Offset', String(offset)],
      bytes: { from: offset },
    });
    expect(answer({ offset: '3' })).toEqual(from(3));
    expect(answer({ offset: '8' })).toEqual(from(8));
    expect(answer({ offset: '9' })).toEqual({ status: 416, headers: ['Content-Length', '0'] });
    expect(answer({ lastEventId: '5' }, 6)).toEqual(from(6));
    expect(answer({ lastEventId: '5' }, 8)).toEqual(from(8));
    expect(answer({ lastEventId: '5' })).toEqual({ ...own, headers: kept, bytes: { from: 0 } });
  });

  it('is answered with a range of what is there', () => {
    expect(answer({ range: 'bytes=3-' })).toEqual({
      status: 206,
      headers: [...kept, 'Content-Range', 'bytes 3-7/*', 'Content-Length', '5'],
      bytes: { from: 3, until: 8 },
    });
    expect(answer({ range: 'bytes=3-4' })).toMatchObject({ status: 206, bytes: { from: 3, until: 5 } });
    expect(answer({ range: 'bytes=8-' })).toEqual({ status: 416, headers: ['Content-Length', '0'] });
  });

  it('is answered with a range that goes on (RFC 8673)', () => {
    expect(answer({ range: 'bytes=8-9007199254740991' })).toEqual({
      status: 206,
      headers: [...kept, 'Content-Range', 'bytes 8-9007199254740991/*'],
      bytes: { from: 8 },
    });
    expect(answer({ range: 'bytes=9-9007199254740991' })).toMatchObject({ status: 416 });
  });

  it('ignores a range of another answer than 200', () => {
    const other = streamAnswerOf(wanted({ range: 'bytes=3-' }), { ...running, status: 201 }, 8);
    expect(other).toMatchObject({ status: 201, bytes: { from: 0 } });
  });
});

describe('a request for a kept stream that has ended', () => {
  const answer = (fields: Partial<WantedFields>, behindEvent?: number) =>
    streamAnswerOf(wanted(fields), ended, 10, behindEvent);

  it('is answered with the length of what follows', () => {
    expect(answer({}).headers).toEqual([...kept, 'Content-Length', '10']);
    expect(answer({ offset: '10' }).headers).toEqual([
      ...kept,
      'Ringpost-Offset',
      '10',
      'Content-Length',
      '0',
    ]);
    expect(answer({ range: 'bytes=3-99' })).toEqual({
      status: 206,
      headers: [...kept, 'Content-Range', 'bytes 3-9/10', 'Content-Length', '7'],
      bytes: { from: 3, until: 10 },
    });
    expect(answer({ range: 'bytes=3-9007199254740991' }).headers).toContain('bytes 3-9/10');
  });

  it('is refused past the end', () => {
    const refused = { status: 416, headers: ['Content-Range', 'bytes */10', 'Content-Length', '0'] };
    expect(answer({ offset: '11' })).toEqual(refused);
    expect(answer({ range: 'bytes=10-' })).toEqual(refused);
    expect(answer({ range: 'bytes=10-9007199254740991' })).toEqual(refused);
  });

  it('is answered 204 if the client knows the last event, so that it does not ask again', () => {
    expect(answer({ lastEventId: '5' }, 10)).toEqual({ status: 204, headers: [] });
    expect(answer({ lastEventId: '5' }, 9)).toMatchObject({ status: 200, bytes: { from: 9 } });
  });
});
