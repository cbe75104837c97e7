import { afterEach, describe, expect, it, vi } from 'vitest';
import { HandlerOutput } from '../../worker/handlers/handler-output.ts';
import { maxLineLength, OutputLines } from '../../worker/handlers/output-lines.ts';

type Line = readonly [text: string, request: string | undefined];

function recorded(): { readonly lines: Line[]; readonly output: OutputLines } {
  const lines: Line[] = [];
  const output = new OutputLines((text, request) => {
    lines.push([text, request]);
    return lines.length < 3;
  });
  return { lines, output };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('what a program prints', () => {
  it('is cut into lines, whatever the chunks', () => {
    const { lines, output } = recorded();
    for (const character of 'one\n\ntwo\r\nthree\n') output.write(character, undefined, 'r');
    expect(lines).toEqual([
      ['one', 'r'],
      ['', 'r'],
      ['two', 'r'],
      ['three', 'r'],
    ]);
  });

  it('is text, however it is encoded', () => {
    const { lines, output } = recorded();
    for (const byte of Buffer.from('é😀\n')) output.write(Uint8Array.of(byte), undefined, undefined);
    output.write('ZWluc8OpCg==', 'base64', undefined);
    expect(lines).toEqual([
      ['é😀', undefined],
      ['einsé', undefined],
    ]);
    expect(() => output.write(7, undefined, undefined)).toThrow(TypeError);
  });

  it('is never the text of two requests in one line', () => {
    const { lines, output } = recorded();
    output.write('of a', undefined, 'a');
    output.write('of b\n', undefined, 'b');
    output.write(' more\n', undefined, 'a');
    expect(lines).toEqual([
      ['of a', 'a'],
      ['of b', 'b'],
      [' more', 'a'],
    ]);
  });

  it('is printed without its end if that does not come', () => {
    vi.useFakeTimers();
    const { lines, output } = recorded();
    output.write('prompt: ', undefined, 'a');
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(lines).toEqual([['prompt: ', 'a']]);
    output.flush();
    expect(lines).toHaveLength(1);
  });

  it('has lines of a limited length, and takes a limited memory', () => {
    const { lines, output } = recorded();
    for (let times = 0; times < 100; times += 1) output.write('x'.repeat(1000), undefined, 'a');
    output.write('\nnext\n', undefined, 'a');
    const left = 100_000 - maxLineLength;
    expect(lines).toEqual([
      [`${'x'.repeat(maxLineLength)}… (${left} more characters)`, 'a'],
      ['next', 'a'],
    ]);
  });

  it('makes its writer wait if the reader is slow', () => {
    const { output } = recorded();
    expect(output.write('1\n2\n', undefined, 'a')).toBe(true);
    expect(output.write('3\n', undefined, 'a')).toBe(false);
  });
});

describe('the output of a handler', () => {
  it('names replica, stream and request in each line', async () => {
    const lines: unknown[] = [];
    const output = new HandlerOutput('S1', (line) => lines.push(JSON.parse(line)) > 0);
    const { stdout, stderr } = process;
    const [writeOut, writeErr] = [Object.getOwnPropertyDescriptor(stdout, 'write'), stderr.write];
    const written: string[] = [];
    output.install();
    try {
      stdout.write('outside 1\n');
      output.during('r-1', () => stderr.write('inside\n'));
      output.during('r-2', () => stdout.write('with a callback\n', () => written.push('done')));
      await vi.waitFor(() => expect(written).toEqual(['done']));
    } finally {
      if (writeOut === undefined) Reflect.deleteProperty(stdout, 'write');
      else Object.defineProperty(stdout, 'write', writeOut);
      stderr.write = writeErr;
    }
    const about = { role: 'handler', replica: 'S1', time: expect.any(Number) as number };
    expect(lines).toEqual([
      { ...about, level: 30, stream: 'stdout', msg: 'outside 1' },
      { ...about, level: 40, stream: 'stderr', request: 'r-1', msg: 'inside' },
      { ...about, level: 30, stream: 'stdout', request: 'r-2', msg: 'with a callback' },
    ]);
  });
});
