import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import { serve } from '../fixtures/http-server.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const MiB = 1024 * 1024;
const answerBytes = 16 * MiB;
const chunk = Buffer.alloc(64 * 1024, 'x');

/**
 * What docs/limits.md allows a worker beyond its idle memory: the budget, one copy of the largest answer,
 * the chunks in transit of 100 requests, and what V8 has not released yet.
 */
const boundBytes = (64 + 32 + 20 + 96) * MiB;

/** An upstream that answers as the handler `bodies` does. Every other finite answer has a Content-Length. */
async function bodiesUpstream(): Promise<string> {
  let asked = 0;
  return serve((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x');
    let left = pathname === '/endless' ? Number.POSITIVE_INFINITY : Number(searchParams.get('bytes'));
    asked += 1;
    if (pathname !== '/endless' && asked % 2 === 0) response.setHeader('content-length', left);
    const more = (): void => {
      while (left > 0 && !response.destroyed) {
        const piece = chunk.subarray(0, Math.min(chunk.length, left));
        left -= piece.length;
        if (!response.write(piece)) return;
      }
      if (left <= 0) response.end();
    };
    response.on('drain', more);
    more();
  });
}

/** The resident memory of a process in bytes, now or at its peak. 0 if the system has no /proc. */
async function resident(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => `${field}: 0`);
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
}

/** @returns the process and generation of the worker of the only replica. */
async function leaseOf(redisUrl: string): Promise<Pick<Lease, 'pid' | 'generation'>> {
  const redis = new Redis(redisUrl);
  const json = await redis.get(createKeys('ringpost').lease('S1')).finally(() => redis.disconnect());
  const lease = JSON.parse(json ?? '{}') as Lease; // only workers write it
  return { pid: lease.pid, generation: lease.generation };
}

/** Sends a GET and discards the body. */
async function ask(url: string): Promise<{ status: number; bytes: number; ms: number }> {
  const began = performance.now();
  const response = await fetch(url);
  let bytes = 0;
  if (response.body !== null) for await (const part of response.body) bytes += part.length;
  return { status: response.status, bytes, ms: performance.now() - began };
}

it.each([
  ['a handler', () => Promise.resolve({ HANDLER: handlerFile('bodies') })],
  ['an upstream', async () => ({ UPSTREAM: await bodiesUpstream() })],
])(
  'giant and endless answers of %s stay within the documented memory, and other requests are answered',
  { timeout: 300_000 },
  async (_, settings) => {
    const { startReady } = await scratch();
    const { url, redisUrl } = await startReady({
      REPLICAS: '1',
      REPLY_TIMEOUT_MS: '240000',
      BYTES_IN_FLIGHT: String(1024 * MiB),
      ...(await settings()),
    });
    const small = (): ReturnType<typeof ask> => ask(`${url}/stream?bytes=100`);
    for (let each = 0; each < 300; each += 1) await small();
    const lease = await leaseOf(redisUrl);
    const { pid } = lease;
    const before = await resident(pid, 'VmRSS');

    const large = { underWay: true };
    const smalls = (async () => {
      const all: Awaited<ReturnType<typeof ask>>[] = [];
      while (large.underWay) {
        all.push(await small());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return all;
    })();
    const [endless, giant, ...others] = await Promise.all([
      ask(`${url}/endless`),
      ask(`${url}/stream?bytes=600000000`),
      ...Array.from({ length: 40 }, () => ask(`${url}/stream?bytes=${answerBytes}`)),
    ]);
    large.underWay = false;
    const answered = await smalls;

    expect([endless.status, giant.status]).toEqual([502, 502]);
    expect(others.map(({ status, bytes }) => [status, bytes])).toEqual(others.map(() => [200, answerBytes]));
    expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await leaseOf(redisUrl)).toEqual(lease);
    const peak = await resident(pid, 'VmHWM');
    const slowest = Math.max(...answered.map(({ ms }) => ms));
    console.log(
      `the worker took ${Math.round(before / MiB)} MiB before and ${Math.round(peak / MiB)} MiB at most; ` +
        `${answered.length} small requests, ${Math.round(slowest)} ms at most`,
    );
    expect(peak - before).toBeLessThan(boundBytes);
    expect(slowest).toBeLessThan(10_000);
  },
);
