import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';

/** Files that may read their host's clock, with the reason. Every other time is `clockOf(redis).now()`. */
const mayReadOwnClock: Readonly<Record<string, string>> = {
  'shared/store/redis/redis-clock.ts': 'compares it with Redis time',
  'shared/store/redis/redis-report.ts': 'compares it with Redis time',
  'shared/process/output-log.ts': 'a log line has the time of its host, as in pino',
  'gateway/cli/autoscale.ts': 'a person is shown how long ago something was',
  'gateway/cli/ls.ts': 'a person is shown how long ago something was',
  'gateway/cli/request-list.ts': 'a person is shown how long ago something was',
  'gateway/dashboard/page/data/clock.ts': 'the page corrects it by the time of the gateway',
  'gateway/drivers/docker.ts': 'Docker, which runs on this host, wrote the time',
  'gateway/routes/durable-reply.ts': 'a cursor of Durable Streams is made of the time of any server',
  'gateway/http/problem-response.ts': 'the `Date` field of an answer is in the time of its host',
  'worker/handlers/upstream-head.ts': '`context.deadline` is in the time of its host',
  'worker/handlers/handler-output.ts': 'a log line has the time of its host, as in pino',
  'worker/lease/stalled-exit.ts': 'its thread has no connection to Redis and subtracts the skew',
  'worker/lease/line-log.ts': 'a log line has the time of its host, as in pino',
  'worker/notes/notes-files.ts': 'the age of a file is by the clock of its host',
  'worker/run/retries.ts': 'a date in `Retry-After` is in the time of the handler',
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
