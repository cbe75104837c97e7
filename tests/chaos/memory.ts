import { readFile } from 'node:fs/promises';
import type { Cluster } from './cluster.ts';
import { now } from './clock.ts';

/**
 * @param field `VmRSS` is what is in RAM now, `VmHWM` the maximum so far.
 * @returns the memory of a process, in MiB; undefined if there is no /proc or no such process.
 */
async function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** @returns the peak memory in RAM of the largest of these processes, in MiB. */
export async function peakMb(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map((pid) => memoryMb(pid, 'VmHWM')));
  return Math.round(Math.max(0, ...each.map((mb) => mb ?? 0)));
}

/** @returns the memory of all running gateways together, in MiB. */
export async function gatewayMemoryMb({ gateways }: Cluster): Promise<number> {
  const each = await Promise.all(gateways.map(({ program }) => memoryMb(program.pid, 'VmRSS')));
  return each.reduce<number>((sum, mb) => sum + (mb ?? 0), 0);
}

/**
 * Polls the memory of the gateways.
 * @returns a function that stops the polling and returns the maximum in MiB and how long it polled.
 */
export function watchMemory(cluster: Cluster): () => Promise<{ maxMb: number; seconds: number }> {
  const startedAt = now();
  let maxMb = 0;
  let polling: Promise<void> = Promise.resolve();
  const poll = (): void => {
    polling = gatewayMemoryMb(cluster).then((mb) => {
      maxMb = Math.max(maxMb, mb);
    });
  };
  poll();
  const timer = setInterval(poll, 100);
  return async () => {
    clearInterval(timer);
    await polling;
    return { maxMb, seconds: (now() - startedAt) / 1000 };
  };
}
