import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, maxLineBytes } from '#shared/process/line-splitter.ts';

/** @returns the lines of texts that arrive one after the other. */
function split(...chunks: readonly (string | Buffer)[]): string[] {
  const lines = new LineSplitter();
  return [...chunks.flatMap((chunk) => lines.push(Buffer.from(chunk))), ...lines.end()];
}

describe('LineSplitter', () => {
  it.each([
    ['lines', ['a\nb\n'], ['a', 'b']],
    ['a line in parts', ['a', 'b', '\nc'], ['ab', 'c']],
    ['empty lines', ['\n\na\n'], ['', '', 'a']],
    ['line breaks of Windows', ['a\r\nb\r', '\n'], ['a', 'b']],
    ['a character in parts', [Buffer.from('☃').subarray(0, 2), Buffer.from('☃\n').subarray(2)], ['☃']],
    ['nothing', [], []],
  ])('gives %s', (_, chunks, lines) => {
    expect(split(...chunks)).toEqual(lines);
  });

  it('gives the same lines however the text arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '☃', '\r', '\n')), fc.array(fc.nat(9)), (parts, sizes) => {
        const whole = Buffer.from(parts.join(''));
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of sizes) chunks.push(whole.subarray(at, (at += size)));
        chunks.push(whole.subarray(at));
        expect(split(...chunks)).toEqual(split(whole));
      }),
    );
  });

  it('splits a line that is too long between characters, and loses nothing', () => {
    const text = `x${'☃'.repeat(maxLineBytes)}`;
    const lines = split(text, '\n', 'next');
    expect(lines.slice(0, -1).join('')).toBe(text);
    expect(lines.at(-1)).toBe('next');
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(maxLineBytes);
  });
});
