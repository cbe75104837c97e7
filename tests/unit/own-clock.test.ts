import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';

/**
 * Files that read the clock of their own host, with the reason. Every other time is `clockOf(redis).now()`.
 */
const mayReadOwnClock: Readonly<Record<string, string>> = {
  'shared/store/redis/redis-clock.ts': 'compares it with that of Redis',
  'gateway/drivers/docker.ts': 'the engine has written the time, and runs on this host',
  'gateway/http/problem-response.ts': 'the `Date` field of an answer is by the clock of its host',
  'worker/handlers/upstream-head.ts': '`context.deadline` is by the own clock',
  'worker/lease/stalled-exit.ts': 'its thread has no clock of Redis, and subtracts the skew',
  'worker/lease/line-log.ts': 'a line of the log has the time of its host, as those of pino',
  'worker/run/runner.ts': 'a date in `Retry-After` is by the clock of the handler',
};

const reads = /\bDate\.now\(\)|\bnew Date\(\)/;
const comment = /^\s*(\/\/|\/?\*)/;

it('no file reads the clock of its host for a time that another process reads', () => {
  const found = ['gateway', 'shared', 'worker'].flatMap((folder) =>
    readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((name) => name.endsWith('.ts'))
      .filter((name) =>
        readFileSync(join(projectFolder, name), 'utf8')
          .split('\n')
          .some((line) => reads.test(line) && !comment.test(line)),
      ),
  );
  expect(found.toSorted()).toEqual(Object.keys(mayReadOwnClock).toSorted());
});
