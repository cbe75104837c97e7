import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { ask } from '../fixtures/raw-http.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { metric, unread } from '../fixtures/slow-client.ts';

const scratch = useScratch();
const mebibyte = 1024 * 1024;
const bytesInFlight = 128 * mebibyte;
const clients = 50;
const answerBytes = 16 * mebibyte;
/**
 * What `docs/limits.md` allows a gateway beyond its idle memory, in MiB: the parts of a body, the body made
 * of them, and its copies on the way to Redis.
 */
const maxMiB = (4 * bytesInFlight) / mebibyte;
/** The same for answers that clients do not read: two copies, and what V8 has not returned yet. */
const maxAnswersMiB = (2 * bytesInFlight) / mebibyte + 64;

/** @returns the resident memory of a process in MiB: now (`VmRSS`) or at its peak (`VmHWM`). */
async function memory(pid: number, figure: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${figure}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

/** @returns a hash key of S1 and one of S2. */
async function keysOfBoth(url: string): Promise<readonly [string, string]> {
  const keyOf = new Map<string | null, string>();
  for (let at = 0; keyOf.size < 2; at += 1) {
    const { headers } = await small(url, String(at));
    keyOf.set(headers.get('ringpost-replica'), String(at));
  }
  return [keyOf.get('S1') ?? '', keyOf.get('S2') ?? ''];
}

async function small(url: string, key: string): Promise<Response> {
  const answer = await fetch(`${url}/?bytes=1000`, { headers: { 'ringpost-key': key } });
  expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, 1000]);
  return answer;
}

it('clients that read nothing of large answers take only bounded memory of a gateway', async () => {
  const { startReady } = await scratch();
  const { url, pid } = await startReady({
    REPLICAS: '2',
    CONCURRENCY: '2',
    HANDLER: handlerFile('large'),
    BYTES_IN_FLIGHT: String(bytesInFlight),
    SEND_TIMEOUT_MS: '1500',
    STREAM_ABOVE_BYTES: String(2 * answerBytes),
  });
  const [busy, idle] = await keysOfBoth(url);
  const before = await memory(pid, 'VmRSS');
  const target = `/?bytes=${answerBytes}`;
  const sockets: Socket[] = Array.from({ length: clients }, () => unread(url, target, busy));
  let slowestMs = 0;
  let most = 0;
  const closed = (): Promise<number> => metric(url, 'ringpost_slow_clients_closed');
  for (let done = 0; done < clients / 2; done = await closed()) {
    const began = performance.now();
    await small(url, idle);
    slowestMs = Math.max(slowestMs, performance.now() - began);
    most = Math.max(most, await metric(url, 'ringpost_held_bytes'));
  }
  const peak = await memory(pid, 'VmHWM');
  console.log(
    `memory before ${before.toFixed(0)} MiB, at most ${peak.toFixed(0)}; bytes held at most ${most}; ` +
      `slowest small answer ${slowestMs.toFixed(0)} ms`,
  );
  expect(most).toBeLessThanOrEqual(bytesInFlight);
  expect(most).toBeGreaterThan(bytesInFlight / 2);
  // Answers are not copied in transit.
  expect(peak - before).toBeLessThan(maxAnswersMiB);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => metric(url, 'ringpost_held_bytes'), { timeout: 20_000 }).toBe(0);
});

it('streams whose clients read nothing cost a window each, and delay no other answer', async () => {
  const { startReady } = await scratch();
  const { url, pid } = await startReady({
    REPLICAS: '2',
    CONCURRENCY: '2',
    HANDLER: handlerFile('bodies'),
    BYTES_IN_FLIGHT: String(bytesInFlight),
  });
  const [busy, idle] = await keysOfBoth(url);
  const before = await memory(pid, 'VmRSS');
  const target = `/stream?bytes=${answerBytes}`;
  const sockets = Array.from({ length: clients }, () => unread(url, target, busy));
  let [slowestMs, most, stalls] = [0, 0, 0];
  const arrived = (): Promise<number> => metric(url, 'ringpost_stream_bytes_total');
  for (let bytes = 0; stalls < 20; stalls += 1) {
    for (const key of [busy, idle]) {
      const began = performance.now();
      await small(url, key);
      slowestMs = Math.max(slowestMs, performance.now() - began);
    }
    most = Math.max(most, await metric(url, 'ringpost_held_bytes'));
    const now = await arrived();
    if (now > bytes) stalls = 0;
    bytes = now;
  }
  const peak = await memory(pid, 'VmHWM');
  console.log(
    `memory before ${before.toFixed(0)} MiB, at most ${peak.toFixed(0)}; bytes held at most ${most}; ` +
      `slowest small answer ${slowestMs.toFixed(0)} ms`,
  );
  expect(await metric(url, 'ringpost_open_streams')).toBe(clients);
  expect(most).toBeLessThanOrEqual(clients * mebibyte);
  expect(most).toBeGreaterThan((clients * mebibyte) / 4);
  expect(slowestMs).toBeLessThan(5000);
  expect(peak - before).toBeLessThan((2 * clients * mebibyte) / mebibyte + 64);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => metric(url, 'ringpost_held_bytes'), { timeout: 20_000 }).toBe(0);
  expect(await metric(url, 'ringpost_open_streams')).toBe(0);
});

it('uploads take only bounded memory of a gateway, however many arrive at once', async () => {
  const { startReady } = await scratch();
  const { url, pid } = await startReady({
    REPLICAS: '2',
    HANDLER: handlerFile('slow'),
    BYTES_IN_FLIGHT: String(bytesInFlight),
  });
  await fetch(url);
  const before = await memory(pid, 'VmRSS');
  const body = Buffer.alloc(answerBytes, 'x');
  const statuses = await Promise.all(
    Array.from({ length: clients }, async () => {
      const { status } = await ask(url, { method: 'POST', target: '/?ms=500', body, chunk: 64 * 1024 });
      return status;
    }),
  );
  const peak = await memory(pid, 'VmHWM');
  const done = statuses.filter((status) => status === 200).length;
  console.log(
    `memory before ${before.toFixed(0)} MiB, at most ${peak.toFixed(0)}; ` +
      `${done} of ${clients} uploads were done`,
  );
  expect(new Set(statuses).difference(new Set([200, 503]))).toEqual(new Set());
  expect(done).toBeGreaterThan(0);
  expect(peak - before).toBeLessThan(maxMiB);
  expect((await fetch(url)).status).toBe(200);
  expect(await metric(url, 'ringpost_held_bytes')).toBe(0);
});
