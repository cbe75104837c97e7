import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bodyParts } from '../workload/requests.ts';
import type { Load, LoadOptions } from './load.ts';

const script = fileURLToPath(new URL('wrk.lua', import.meta.url));
/** Each thread has its own share of the numbers, so an answer to a request of another thread is detected. */
const maxThreads = 4;

/**
 * Puts load on a system with wrk and checks each answer.
 * @throws Error if wrk fails.
 */
export async function wrk({ urls, connections, seconds, run, request }: LoadOptions): Promise<Load> {
  const threads = Math.min(connections, maxThreads);
  const [url = ''] = urls;
  const args = ['-t', threads, '-c', connections, '-d', `${seconds}s`, '--timeout', '10s', '-s', script, url];
  const { before, open, item, times, close } = bodyParts(request, run);
  const fields = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const own = [
    run,
    threads,
    request.method,
    request.bodyBytes,
    fields.join(''),
    before,
    open,
    item,
    times,
    close,
  ];
  const child = spawn('wrk', [...args, '--', ...own].map(String), {
    env: { PATH: process.env['PATH'], BENCH_PORTS: urls.map((each) => new URL(each).port).join(' ') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const line = /^BENCH (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk ended with ${code}: ${output.slice(-1000)}`);
  return JSON.parse(line) as Load; // wrk.lua wrote it
}
