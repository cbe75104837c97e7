import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventBoundaries } from '#shared/contract/event-boundaries.ts';

/** @returns where the boundaries are after the bytes, which come in these parts. */
function after(...parts: readonly (string | Uint8Array)[]): { end: number; lastId: string } {
  const boundaries = new EventBoundaries();
  for (const part of parts) boundaries.add(Buffer.from(part));
  return { end: boundaries.end, lastId: boundaries.lastId };
}

/** @returns the same, found by the definition: lines, and blank ones among them. */
function byDefinition(text: string): { end: number; lastId: string } {
  const whole = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const before = Buffer.byteLength(text) - Buffer.byteLength(whole);
  let [at, end, lastId, eventId] = [before, 0, '', ''];
  for (const [, line = '', ending = ''] of whole.matchAll(/([^\r\n]*)(\r\n|\r|\n)/g)) {
    at += Buffer.byteLength(line + ending);
    const id = /^id(?::\u0020?(.*))?$/s.exec(line);
    if (id !== null && !line.includes('\0')) eventId = id[1] ?? '';
    if (line !== '') continue;
    end = at;
    lastId = eventId;
  }
  return { end, lastId };
}

const word = fc.constantFrom(
  'id',
  'id:',
  'id: ',
  'i',
  'data: x',
  'idle: 1',
  ':',
  'ü',
  '\0',
  '\uFEFF',
  ' ',
  '7',
);
const lineEnd = fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\n\r\n', '\r\r');
const stream = fc.array(fc.oneof(word, lineEnd), { maxLength: 30 }).map((parts) => parts.join(''));

describe('the boundaries of events', () => {
  it('are those of the definition, however the bytes are cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat({ max: 60 })), (text, cuts) => {
        const bytes = Buffer.from(text);
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b)];
        const parts = at.map((from, index) => bytes.subarray(from, at[index + 1] ?? bytes.length));
        expect(after(...parts)).toEqual(byDefinition(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('are after the blank line, and not within an event', () => {
    expect(after('data: a\n')).toEqual({ end: 0, lastId: '' });
    expect(after('data: a\n\ndata: b')).toEqual({ end: 9, lastId: '' });
    expect(after('data: a\r\n\r', '\ndata: b')).toEqual({ end: 11, lastId: '' });
  });

  it('come with the id of the last whole event, which events without an id keep', () => {
    expect(after('id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c').lastId).toBe('1');
    expect(after('id: 1\n\nid\n\n').lastId).toBe('');
    expect(after('id:1\n\nid: 2\0\n\n').lastId).toBe('1');
    expect(after('id: ä', '\n\n').lastId).toBe('ä');
  });

  it('have no id if it is longer than a header field should be', () => {
    expect(after(`id: ${'x'.repeat(1023)}\n\n`).lastId).toHaveLength(1023);
    expect(after(`id: 1\n\nid: ${'x'.repeat(5000)}\n\n`).lastId).toBe('');
  });

  it('go on where a stream is taken up', () => {
    const boundaries = new EventBoundaries({ offset: 100, lastId: '9' });
    expect(boundaries).toMatchObject({ end: 100, lastId: '9' });
    boundaries.add(Buffer.from('data: a\n\ndata'));
    expect(boundaries).toMatchObject({ end: 109, lastId: '9' });
  });

  it('are found in a time that grows with the number of bytes only', () => {
    const bytes = Buffer.from('id: 1\ndata: x\n\n'.repeat(100_000));
    const boundaries = new EventBoundaries();
    for (let at = 0; at < bytes.length; at += 7) boundaries.add(bytes.subarray(at, at + 7));
    expect(boundaries.end).toBe(bytes.length);
  });
});
