/**
 * Preloaded into the processes that are measured. It answers on a socket in the folder `BENCH_PROBES`, a line
 * of JSON for each line: `memory` after a collection of garbage, `watch` to begin to note the most memory,
 * `most` to end that, `profile` to start the profiler, and `profiled <file>` to stop it.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import type { Memory } from './probes.ts';

const sampleEveryMs = 20;
const folder = process.env['BENCH_PROBES'];
const role = /(gateway|worker)\/main\.ts$|streaming-(proxy)\.ts$/.exec(process.argv[1] ?? '');
if (isMainThread && folder !== undefined && role !== null) serve(folder, role[1] ?? role[2] ?? '');

function memory(): Memory {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, live: heapUsed + external };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void; // the flag makes it
  gc();
  gc();
}

function serve(probes: string, name: string): void {
  let most: Memory = { rss: 0, live: 0 };
  let timer: NodeJS.Timeout | undefined;
  const session = new Session();
  const answer = async (line: string): Promise<unknown> => {
    const [verb = '', file = ''] = line.split(' ');
    switch (verb) {
      case 'memory':
        collectGarbage();
        return memory();
      case 'watch':
        most = memory();
        timer = setInterval(() => {
          const { rss, live } = memory();
          most = { rss: Math.max(most.rss, rss), live: Math.max(most.live, live) };
        }, sampleEveryMs);
        return most;
      case 'most':
        clearInterval(timer);
        return most;
      case 'profile':
        session.connect();
        await session.post('Profiler.enable');
        await session.post('Profiler.start');
        return true;
      default: {
        const { profile } = await session.post('Profiler.stop');
        writeFileSync(file, JSON.stringify(profile));
        session.disconnect();
        return true;
      }
    }
  };
  const server = createServer((socket) => {
    // Neither keeps the process alive.
    socket.unref().on('error', () => undefined);
    createInterface(socket).on('line', (line) => {
      void answer(line).then((value) => socket.write(`${JSON.stringify(value)}\n`));
    });
  });
  server.listen(join(probes, `${name}-${process.pid}.sock`)).unref();
}
