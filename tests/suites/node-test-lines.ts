/** A reporter for `node --test`: it writes one line of JSON for each test. */
import { relative } from 'node:path';
import { cwd } from 'node:process';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** @returns the lines. The title of a test starts with the titles of its groups. */
export default async function* lines(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const open: string[] = [];
  const root = cwd();
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      open.length = data.nesting;
      open.push(data.name);
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details.type === 'suite') continue;
    const state = data.skip || data.todo ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
    const title = [...open.slice(0, data.nesting), data.name].join(' ');
    const message = type === 'test:fail' ? inspect(data.details.error.cause ?? data.details.error) : '';
    yield `${JSON.stringify({ file: relative(root, data.file ?? ''), title, state, message })}\n`;
  }
  yield `${JSON.stringify({ end: true })}\n`;
}
