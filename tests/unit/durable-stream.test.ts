import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurableEvents } from '../../gateway/routes/durable-events.ts';
import {
  durableCallOf,
  durableType,
  eventFields,
  hasPiece,
  nextCursor,
  pieceTag,
  placeFields,
} from '../../gateway/routes/durable-stream.ts';
import type { DurablePlace } from '../../gateway/routes/durable-stream.ts';

const at = (next: number, isTail = true, isClosed = false): DurablePlace => ({ next, isTail, isClosed });

describe('a call of the protocol', () => {
  it.each([
    [{}, undefined],
    [{ wait: '20' }, undefined],
    [{ offset: '-1' }, { offset: 0 }],
    [{ offset: 'now' }, { offset: 'now' }],
    [{ offset: '0000000000000042', other: 'x' }, { offset: 42 }],
    [
      { offset: '-1', live: 'sse', cursor: '7' },
      { offset: 0, live: 'sse', cursor: 7 },
    ],
    [
      { offset: '-1', live: 'long-poll', cursor: 'x' },
      { offset: 0, live: 'long-poll' },
    ],
    [
      { offset: '-1', live: 'long-poll', cursor: ['1', '2'] },
      { offset: 0, live: 'long-poll' },
    ],
  ])('is read from %j', (query, call) => {
    expect(durableCallOf(query)).toEqual(call);
  });

  it.each([
    { offset: '' },
    { offset: ['-1', '-1'] },
    { offset: '0,1' },
    { offset: '42' },
    { offset: '0000000000000042\n' },
    { offset: '-1', live: 'other' },
    { live: 'sse' },
    { live: 'long-poll' },
  ])('is not %j', (query) => {
    expect(() => durableCallOf(query)).toThrow(expect.objectContaining({ code: 'request_malformed' }));
  });
});

it('a cursor is that of the present interval, or later than the one before', () => {
  const now = Date.UTC(2024, 9, 9) + 100 * 20_000;
  expect([nextCursor(undefined, now, 0), nextCursor(99, now, 0.5)]).toEqual([100, 100]);
  expect([nextCursor(100, now, 0), nextCursor(100, now, 0.999_999)]).toEqual([101, 280]);
  expect(nextCursor(1000, now, 0)).toBe(1001);
});

describe('the fields of an answer', () => {
  const secure = ['X-Content-Type-Options', 'nosniff', 'Cross-Origin-Resource-Policy', 'same-origin'];
  const always = ['Cache-Control', 'no-store', ...secure];

  it('say where the client goes on', () => {
    const next = ['Stream-Next-Offset', '0000000000000042'];
    expect(placeFields(at(42, false), { type: 'text/plain', tag: '"t"' })).toEqual([
      'Content-Type',
      'text/plain',
      ...always,
      ...next,
      'ETag',
      '"t"',
    ]);
    expect(placeFields(at(42), { cursor: 7 })).toEqual([
      ...always,
      ...next,
      'Stream-Up-To-Date',
      'true',
      'Stream-Cursor',
      '7',
    ]);
    expect(placeFields(at(42, true, true), { cursor: 7 })).toEqual([
      ...always,
      ...next,
      'Stream-Up-To-Date',
      'true',
      'Stream-Closed',
      'true',
    ]);
  });

  it('say whether events have their bytes in base64', () => {
    const events = ['Content-Type', 'text/event-stream', 'Cache-Control', 'no-store, no-cache', ...secure];
    const texts = [
      'text/plain',
      'text/plain; charset=utf-8',
      'application/json',
      'text/html;Charset="UTF-8"',
    ];
    for (const type of [...texts, 'text/plain; charset=us-ascii; format=flowed']) {
      expect(eventFields(type)).toEqual(events);
    }
    const others = [
      'image/png',
      'application/x-ndjson',
      'application/json5',
      'text/plain; charset=iso-8859-1',
    ];
    for (const type of [...others, 'text/plain; format=flowed;charset="UTF-16"']) {
      expect(eventFields(type)).toEqual([...events, 'Stream-SSE-Data-Encoding', 'base64']);
    }
  });

  it('have the type of the bytes, which is not that of a text if they are coded', () => {
    expect(durableType(['Content-Type', 'text/html'])).toBe('text/html');
    expect(durableType(['content-type', 'text/html', 'content-encoding', 'gzip'])).toBe(
      'application/octet-stream',
    );
    expect(durableType([])).toBe('application/octet-stream');
  });

  it('have a tag that changes once there is more, or the end', () => {
    const tags = [pieceTag('r', 0, at(5)), pieceTag('r', 0, at(6)), pieceTag('r', 0, at(6, true, true))];
    expect(tags).toEqual(['"r:0:5"', '"r:0:6"', '"r:0:6:end"']);
    expect(hasPiece('"x", W/"r:0:5"', '"r:0:5"')).toBe(true);
    expect([hasPiece('"r:0:5"', '"r:0:6"'), hasPiece(undefined, '"r:0:6"')]).toEqual([false, false]);
    expect(hasPiece('*', '"r:0:6"')).toBe(true);
  });
});

/** @returns the events of a text, as a browser reads them. */
function eventsOf(text: string): { type: string; data: string }[] {
  return text
    .replaceAll(/\r\n?/g, '\n')
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const lines = block.split('\n');
      const [type = ''] = lines.flatMap((line) => (line.startsWith('event: ') ? [line.slice(7)] : []));
      const data = lines.flatMap((line) =>
        line.startsWith('data:') ? [line.slice(5).replace(/^ /, '')] : [],
      );
      return { type, data: data.join('\n') };
    });
}

describe('the events of a kept stream', () => {
  it('are each followed by the place, and say at last that it is closed', () => {
    const events = new DurableEvents('text/plain');
    expect(eventsOf(events.bytes([Buffer.from('one')], at(3, false), 7))).toEqual([
      { type: 'data', data: 'one' },
      { type: 'control', data: '{"streamNextOffset":"0000000000000003","streamCursor":"7"}' },
    ]);
    expect(eventsOf(events.place(at(3), 8))).toEqual([
      {
        type: 'control',
        data: '{"streamNextOffset":"0000000000000003","streamCursor":"8","upToDate":true}',
      },
    ]);
    expect(events.place(at(3, true, true), 9)).toBe(
      'event: control\ndata:{"streamNextOffset":"0000000000000003","upToDate":true,"streamClosed":true}\n\n',
    );
  });

  it('have other bytes than those of texts in base64', () => {
    const events = new DurableEvents('application/octet-stream');
    const bytes = [Buffer.from([0xff, 0x0d]), Buffer.from([0x0a])];
    expect(eventsOf(events.bytes(bytes, at(3), 7))[0]).toEqual({ type: 'data', data: '/w0K' });
  });

  it('have no event that the bytes make up', () => {
    const events = new DurableEvents('text/plain');
    const text = 'a\n\nevent: control\ndata: {"streamNextOffset":"x"}\n\n\r\revent: control\r\n\r\nb';
    const all = eventsOf(events.bytes([Buffer.from(text)], at(text.length), 7));
    expect(all.map(({ type }) => type)).toEqual(['data', 'control']);
  });

  it('of a text have its characters and ends of lines whole, however it is cut', () => {
    const word = fc.constantFrom('a', ' b', 'ü', '€', '😀', '\n', '\r', '\r\n', '\n\n', 'data: x');
    fc.assert(
      fc.property(fc.array(word), fc.array(fc.nat({ max: 40 })), (words, cuts) => {
        const text = words.join('');
        const bytes = Buffer.from(text);
        const ends = [...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
        const events = new DurableEvents('text/plain');
        let [from, got] = [0, ''];
        for (const end of ends) {
          if (end === from) continue;
          const all = eventsOf(events.bytes([bytes.subarray(from, end)], at(end), 7));
          got += all.filter(({ type }) => type === 'data').reduce((sum, { data }) => sum + data, '');
          const control = JSON.parse(all.at(-1)?.data ?? '') as { streamNextOffset: string };
          const next = Number(control.streamNextOffset);
          expect(got).toBe(bytes.toString('utf8', 0, next).replaceAll(/\r\n?/g, '\n'));
          expect(end - next).toBeLessThan(4);
          from = end;
        }
        const last = eventsOf(events.place(at(bytes.length, true, true), 7));
        got += last.filter(({ type }) => type === 'data').reduce((sum, { data }) => sum + data, '');
        expect(got).toBe(text.replaceAll(/\r\n?/g, '\n'));
      }),
      { numRuns: 1000 },
    );
  });

  it('of bytes that are no text after all are sent, with characters that stand for them', () => {
    const events = new DurableEvents('text/plain');
    const all = eventsOf(events.bytes([Buffer.from([0x80, 0x80, 0x80, 0x80, 0xf0])], at(5), 7));
    expect(all[0]?.data).toBe('\uFFFD'.repeat(4));
    expect(eventsOf(events.place(at(5, true, true), 7))[0]?.data).toBe('\uFFFD');
  });
});
