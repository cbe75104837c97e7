import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { OutputLog } from '#shared/process/output-log.ts';
import type { OutputDestination } from '#shared/process/output-log.ts';

/** A destination that takes lines only when its reader has read the ones before. */
class SlowReader extends EventEmitter implements OutputDestination {
  text = '';

  write(text: string): boolean {
    this.text += text;
    return false;
  }
}

it('logs each line with its fields and its stream, the last one too', async () => {
  const to = new SlowReader();
  const from = new PassThrough();
  const ended = new OutputLog({ role: 'command', pid: 7, replica: 'S1' }, 'json', to).passOn(from, 'stderr');
  from.end('one "quoted"\ntwo');
  await ended;
  expect(
    to.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  ).toEqual(
    ['one "quoted"', 'two'].map((msg) => ({
      level: 30,
      time: expect.any(Number) as number,
      role: 'command',
      pid: 7,
      replica: 'S1',
      stream: 'stderr',
      msg,
    })),
  );
});

it('reads no more while the reader of the log is slow', async () => {
  const to = new SlowReader();
  const from = new PassThrough();
  const ended = new OutputLog({}, 'json', to).passOn(from, 'stdout');
  from.write('first\n');
  await expect.poll(() => to.text).toContain('first');
  from.write('second\n');
  expect(from.isPaused()).toBe(true);
  expect(to.text).not.toContain('second');
  to.emit('drain');
  await expect.poll(() => to.text).toContain('second');
  to.emit('drain');
  from.end();
  await ended;
});
