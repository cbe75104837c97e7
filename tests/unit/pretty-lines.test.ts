import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { logText } from '#shared/process/log-text.ts';
import { lineFormat } from '#shared/process/pretty-lines.ts';
import { AlikeLines } from '../../gateway/drivers/alike-lines.ts';
import { passOnStderr } from '../../gateway/drivers/worker-stderr.ts';

/** What `lineFormat` asks of stderr. */
function terminal(isTTY: boolean, colors = false): NodeJS.WriteStream {
  return { isTTY, hasColors: () => colors } as unknown as NodeJS.WriteStream; // it asks for nothing else
}

const failure = {
  level: 50,
  time: 1_795_965_421_468,
  role: 'worker',
  pid: 1,
  replica: 'S2',
  request: 'aeb54601-9933-4445-b42e-8f1f8e2fbce0.S2',
  err: {
    type: 'TypeError',
    message: 'boom',
    stack: 'TypeError: boom\n    at f (/app/x.ts:1:2)',
    cause: { type: 'Error', message: 'why', stack: 'Error: why\n    at g (/app/y.ts:3:4)' },
  },
  frame: './x.ts:1:2\n> 1 | f();\n    |  ^',
  attempts: 2,
  msg: 'the handler failed',
};

describe('the format of logs', () => {
  it.each([
    ['json', true, false],
    ['json', false, false],
    ['auto', false, false],
    ['auto', true, true],
    ['pretty', true, true],
    ['pretty', false, true],
  ] as const)('%s is, with a terminal %s, for people: %s', (format, isTTY, isPretty) => {
    expect(lineFormat(format, terminal(isTTY)) !== undefined).toBe(isPretty);
  });

  it('shows time, level, replica, the beginning of the id, message, fields, code and stack', () => {
    const format = lineFormat('pretty', terminal(false));
    const [head, ...below] = format?.(JSON.stringify(failure)).split('\n') ?? [];
    expect(head).toMatch(
      /^\d\d:\d\d:\d\d\.468 ERROR: S2 aeb54601 the handler failed: TypeError: boom attempts=2$/,
    );
    expect(below).toEqual([
      '    ./x.ts:1:2',
      '    > 1 | f();',
      '        |  ^',
      '    at f (/app/x.ts:1:2)',
      '    caused by Error: why',
      '    at g (/app/y.ts:3:4)',
    ]);
  });

  it('shows the role if there is no replica, and no error twice', () => {
    const format = lineFormat('pretty', terminal(false));
    const err = { type: 'Error', message: 'x', stack: '' };
    const line = { level: 40, time: 0, role: 'all', err, msg: 'it failed: Error: x' };
    expect(format?.(JSON.stringify(line))).toMatch(/ WARN: all it failed: Error: x$/);
  });

  it('colours replicas differently, and nothing if the terminal has no colours', () => {
    const colored = lineFormat('pretty', terminal(true, true));
    const plain = lineFormat('pretty', terminal(true, false));
    const line = (replica: string): string => JSON.stringify({ level: 30, time: 0, replica, msg: 'x' });
    const codes = ['S1', 'S2', 'S3'].map((name) => colored?.(line(name)).split(name)[0]?.slice(-6));
    expect(new Set(codes).size).toBe(3);
    // oxlint-disable-next-line no-control-regex -- colours begin so
    expect(colored?.(line('S1'))).toMatch(/\u001b\[/);
    // oxlint-disable-next-line no-control-regex
    expect(plain?.(line('S1'))).not.toMatch(/\u001b/);
  });

  it('leaves other text as it is, and obeys no control characters', () => {
    const format = lineFormat('pretty', terminal(false));
    expect(format?.('Debugger listening on ws://x')).toBe('Debugger listening on ws://x');
    expect(format?.('{not json')).toBe('{not json');
    const line = { level: 30, time: 0, replica: 'S1', msg: 'a\u001b[2Jb\u0007c' };
    expect(format?.(JSON.stringify(line))).toMatch(/ S1 a\[2Jbc$/);
  });
});

it('lines of a log are kept as text, with the code and without the stack', () => {
  const frameless = { ...failure, frame: undefined };
  expect(logText(['Killed', JSON.stringify(failure), '{"level":'])).toEqual([
    'Killed',
    'the handler failed: TypeError: boom',
    '    ./x.ts:1:2',
    '    > 1 | f();',
    '        |  ^',
    '{"level":',
  ]);
  expect(logText([JSON.stringify(frameless)])).toContain('    at f (/app/x.ts:1:2)');
});

describe('lines that workers mark as alike', () => {
  const line = (msg: string, replica: string): string => JSON.stringify({ replica, alike: true, msg });

  it('are passed on once, until a worker says something else, or time has passed', () => {
    const alike = new AlikeLines();
    const said = (replica: string, msg: string, now: number): boolean =>
      alike.accepts(replica, line(msg, replica), now);
    expect([said('S1', 'a', 0), said('S2', 'a', 1), said('S3', 'a', 2)]).toEqual([true, false, false]);
    expect([said('S1', 'a', 1000), said('S2', 'a', 30_000)]).toEqual([false, false]);
    expect([said('S1', 'b', 31_000), said('S2', 'b', 31_001), said('S3', 'b', 31_002)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([said('S1', 'a', 32_000), said('S2', 'a', 32_001)]).toEqual([true, false]);
    expect(said('S1', 'a', 200_000)).toBe(true);
  });

  it('are no other lines', () => {
    const alike = new AlikeLines();
    for (const text of ['x', 'x', '{"msg":"x"}', '{"msg":"x"}'])
      expect(alike.accepts('S1', text, 0)).toBe(true);
  });
});

it('two workers never write within one line, and their lines are formatted one by one', async () => {
  const [one, two, to] = [new PassThrough(), new PassThrough(), new PassThrough()];
  let written = '';
  to.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const format = (text: string): string => `<${text}>`;
  const ended = [one, two].map((from) =>
    passOnStderr(from, { to, format, accepts: (text) => text !== 'no' }),
  );
  for (const byte of Buffer.from('abé\nno\nlast')) {
    one.write(Buffer.of(byte));
    two.write(Buffer.of(byte));
  }
  one.end();
  two.end();
  await Promise.all(ended.map((each) => each.ended()));
  const expected = ['', '<abé>', '<abé>', '<last>', '<last>'];
  await expect.poll(() => written.split('\n').toSorted()).toEqual(expected);
});
