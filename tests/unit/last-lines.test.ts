import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { linesOf } from '../../gateway/drivers/container-logs.ts';
import { LastLines } from '#shared/process/last-lines.ts';
import { passOnStderr } from '../../gateway/drivers/worker-stderr.ts';

function linesAfter(...chunks: readonly string[]): readonly string[] {
  const last = new LastLines();
  for (const chunk of chunks) last.push(Buffer.from(chunk));
  return last.lines;
}

describe('the last lines of a stream', () => {
  it('are the last twenty, whatever the chunks', () => {
    const text = Array.from({ length: 50 }, (_, at) => `line ${at}\n`).join('');
    const expected = Array.from({ length: 20 }, (_, at) => `line ${at + 30}`);
    expect(linesAfter(text)).toEqual(expected);
    expect(linesAfter(...text.split(''))).toEqual(expected);
  });

  it('are whole lines of at most 16 KiB together', () => {
    const lines = linesAfter(...Array.from({ length: 30 }, (_, at) => `${at} ${'x'.repeat(2000)}\n`));
    expect(Buffer.byteLength(lines.join('\n'))).toBeLessThanOrEqual(16_384);
    expect(lines.map((line) => line.length)).toEqual(lines.map(() => 2003));
    expect(lines.at(-1)?.slice(0, 3)).toBe('29 ');
  });

  it('are the end of a line that is longer than 16 KiB, with or without a line break', () => {
    expect(linesAfter('a'.repeat(20_000), 'end')).toEqual([`${'a'.repeat(16_381)}end`]);
    expect(linesAfter('a'.repeat(20_000), 'end\n')).toEqual([`${'a'.repeat(16_380)}end`]);
  });

  it('are none if nothing was written', () => {
    expect(linesAfter()).toEqual([]);
  });
});

it('stderr of a worker is passed on unchanged in whole lines, no faster than it is read, and its end is kept', async () => {
  const from = new PassThrough();
  const written: Buffer[] = [];
  let maxBuffered = 0;
  const to = new Writable({
    highWaterMark: 1000,
    write: (chunk: Buffer, _, done) => {
      written.push(chunk);
      maxBuffered = Math.max(maxBuffered, to.writableLength);
      setImmediate(done);
    },
  });
  const kept = passOnStderr(from, { to });
  const text = Array.from({ length: 5000 }, (_, at) => `line ${at} é\n`).join('');
  for (let at = 0; at < text.length; at += 997) from.write(text.slice(at, at + 997));
  from.end();
  await new Promise((resolve) => from.once('close', resolve));
  expect((await kept.ended()).at(-1)).toBe('line 4999 é');
  to.end();
  await new Promise((resolve) => to.once('finish', resolve));
  expect(Buffer.concat(written).toString()).toBe(text);
  expect(maxBuffered).toBeLessThan(4000);
});

it("the frames of a container's log are read as lines", () => {
  const frame = (text: string): Buffer => {
    const head = Buffer.alloc(8);
    head[0] = 2;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  expect(linesOf(Buffer.concat([frame('one\ntw'), frame('o\n')]))).toEqual(['one', 'two']);
  expect(linesOf(Buffer.from('x'))).toEqual([]);
});
