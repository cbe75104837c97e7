import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/contract/errors.ts';
import {
  controlEvent,
  dataEvent,
  isTextType,
  nextCursor,
  wholeCharacters,
} from '../../gateway/routes/durable-events.ts';
import { durableQueryOf } from '../../gateway/routes/durable-query.ts';

/** @returns the event and the data that a client reads, as the HTML standard says. */
function read(event: string): { event: string; data: string } {
  const lines = event.split(/\r\n|\r|\n/);
  const valuesOf = (name: string): string[] =>
    lines
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''));
  expect(lines.slice(-2)).toEqual(['', '']);
  expect(lines.slice(0, -2)).not.toContain('');
  return { event: valuesOf('event').join(), data: valuesOf('data').join('\n') };
}

describe('a data event', () => {
  it('has a text, whatever lines it has; ends of lines become line feeds', () => {
    const piece = fc.constantFrom(
      'a',
      ' b',
      'data: c',
      'event: control',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'ä',
      '',
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('');
        expect(read(dataEvent(Buffer.from(text), true))).toEqual({
          event: 'data',
          data: text.replaceAll(/\r\n?/g, '\n'),
        });
      }),
    );
  });

  it('has other bytes in base64', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const { data } = read(dataEvent(Buffer.from(bytes), false));
        expect(Buffer.from(data, 'base64').equals(bytes)).toBe(true);
      }),
    );
  });

  it('has no space after the colon unless the line begins with one', () => {
    expect(dataEvent(Buffer.from('a\n b'), true)).toBe('event: data\ndata:a\ndata:  b\n\n');
  });
});

describe('a text', () => {
  /** Of one to four bytes. */
  const character = fc.constantFrom('a', '\n', 'ä', '€', '😀');

  it('is cut behind a whole character', () => {
    fc.assert(
      fc.property(fc.array(character), fc.nat({ max: 40 }), (characters, cut) => {
        const bytes = Buffer.from(characters.join('')).subarray(0, cut);
        const whole = wholeCharacters(bytes);
        const known = bytes.toString('utf8').replace(/\uFFFD+$/, '');
        expect(bytes.subarray(0, whole).toString('utf8')).toBe(known);
        expect(bytes.length - whole).toBeLessThan(4);
      }),
    );
  });

  it('goes on with bytes that are no character', () => {
    for (const bytes of [[0x80], [0x80, 0x80, 0x80, 0x80], [0xff], [0x61, 0x80]]) {
      expect(wholeCharacters(Buffer.from(bytes))).toBe(bytes.length);
    }
    expect(wholeCharacters(Buffer.alloc(0))).toBe(0);
  });

  it.each([
    ['text/plain', true],
    ['Text/Event-Stream; charset=utf-8', true],
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['application/jsonl', false],
    ['application/octet-stream', false],
    ['image/png', false],
    [undefined, false],
  ])('is what has the type %j: %j', (type, isText) => {
    expect(isTextType(type)).toBe(isText);
  });
});

describe('a control event', () => {
  const position = { offset: 12, cursor: '77', upToDate: false, closed: false };

  it('says where the reader is, and a cursor while the answer runs', () => {
    expect(read(controlEvent(position))).toEqual({
      event: 'control',
      data: '{"streamNextOffset":"0000000000000012","streamCursor":"77"}',
    });
    expect(JSON.parse(read(controlEvent({ ...position, upToDate: true })).data)).toMatchObject({
      streamCursor: '77',
      upToDate: true,
    });
    expect(JSON.parse(read(controlEvent({ ...position, upToDate: true, closed: true })).data)).toEqual({
      streamNextOffset: '0000000000000012',
      upToDate: true,
      streamClosed: true,
    });
  });
});

describe('a cursor', () => {
  const now = Date.UTC(2026, 10, 29);

  it('counts intervals of 20 s', () => {
    const present = Number(nextCursor(undefined, now, 0));
    expect(nextCursor(undefined, now + 20_000, 0)).toBe(String(present + 1));
    expect(nextCursor(String(present - 5), now, 0)).toBe(String(present));
  });

  it('is greater than the one that the reader sent, by up to an hour', () => {
    const present = nextCursor(undefined, now, 0);
    expect(Number(nextCursor(present, now, 0))).toBe(Number(present) + 1);
    expect(Number(nextCursor(present, now, 0.999))).toBe(Number(present) + 180);
    expect(nextCursor('x', now, 0)).toBe(present);
  });
});

describe('the query of a reader', () => {
  it('says from where on it reads, and how', () => {
    expect(durableQueryOf({ offset: '-1' })).toEqual({ offset: 0, live: undefined, cursor: undefined });
    const polled = { offset: '0000000000000012', live: 'long-poll', cursor: '7', other: 'x' };
    expect(durableQueryOf(polled)).toEqual({ offset: 12, live: 'long-poll', cursor: '7' });
    expect(durableQueryOf({ offset: 'now', live: 'sse' })).toMatchObject({ offset: 'now', live: 'sse' });
  });

  it('is another one without an offset', () => {
    expect(durableQueryOf({})).toBeUndefined();
    expect(durableQueryOf({ wait: '5' })).toBeUndefined();
  });

  it.each([
    { offset: '' },
    { offset: ['-1', '-1'] },
    { offset: '12' },
    { offset: '0,1' },
    { live: 'sse' },
    { offset: '-1', live: 'x' },
  ])('is refused if it is %j', (query) => {
    expect(() => durableQueryOf(query)).toThrow(Problem);
  });
});
