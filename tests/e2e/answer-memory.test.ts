import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { serve } from '../fixtures/http-server.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { openAdmin, testKeys } from '../fixtures/several-servers.ts';

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
    response.statusCode = Number(searchParams.get('status') ?? 200);
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
  const redis = openAdmin(redisUrl);
  const json = await redis.get(testKeys().lease('S1')).finally(() => redis.disconnect());
  const lease = JSON.parse(json ?? '{}') as Lease; // only workers write it
  return { pid: lease.pid, generation: lease.generation };
}

interface Asked {
  readonly status: number;
  readonly bytes: number;
  readonly ms: number;
}

/** Sends a GET and discards the body. Leaves after so many bytes. */
async function ask(url: string, headers = {}, enough = Number.POSITIVE_INFINITY): Promise<Asked> {
  const began = performance.now();
  const response = await fetch(url, { headers });
  let bytes = 0;
  if (response.body !== null) {
    for await (const part of response.body) {
      bytes += part.length;
      if (bytes >= enough) break;
    }
  }
  return { status: response.status, bytes: Math.min(bytes, enough), ms: performance.now() - began };
}

interface Kind {
  readonly name: string;
  /** What the query of each large answer says besides its length, and the fields of its request. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The status of the answers. */
  readonly status: number;
  /** The status and the bytes of one that is above REPLY_LIMIT_BYTES. */
  readonly giant: (bytes: number) => readonly [status: number, bytes: unknown];
}

const giantBytes = 600_000_000;
/** A client reads so many bytes of an answer without end. */
const enoughBytes = 200 * MiB;

const kinds: readonly Kind[] = [
  {
    name: 'that are streams',
    query: '',
    headers: {},
    status: 200,
    giant: (bytes) => [200, bytes],
  },
  {
    // An answer that may lead to another attempt is gathered. That of the last attempt is not.
    name: 'that are gathered',
    query: '&status=503',
    headers: { 'ringpost-attempts': '2' },
    status: 503,
    giant: () => [502, expect.any(Number)],
  },
];

const sources: readonly (readonly [string, () => Promise<NodeJS.ProcessEnv>])[] = [
  ['a handler', () => Promise.resolve({ HANDLER: handlerFile('bodies') })],
  ['an upstream', async () => ({ UPSTREAM: await bodiesUpstream() })],
];

it.each(kinds.flatMap((kind) => sources.map(([from, settings]) => ({ from, settings, ...kind }))))(
  'giant and endless answers of $from $name stay within the documented memory, and others are answered',
  { timeout: 300_000 },
  async ({ settings, query, headers, status, giant: giantIs }) => {
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
      ask(`${url}/endless?${query}`, headers, enoughBytes),
      ask(`${url}/stream?bytes=${giantBytes}${query}`, headers),
      ...Array.from({ length: 40 }, () => ask(`${url}/stream?bytes=${answerBytes}${query}`, headers)),
    ]);
    large.underWay = false;
    const answered = await smalls;

    expect([endless.status, endless.bytes]).toEqual(giantIs(enoughBytes));
    expect([giant.status, giant.bytes]).toEqual(giantIs(giantBytes));
    expect(others.map((each) => [each.status, each.bytes])).toEqual(others.map(() => [status, answerBytes]));
    expect(new Set(answered.map((each) => each.status))).toEqual(new Set([200]));
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
