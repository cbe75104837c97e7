import { readFile } from 'node:fs/promises';
import type { Cluster } from './cluster.ts';
import { now } from './clock.ts';

/**
 * @param field `VmRSS`: what it has in RAM now; `VmHWM`: the most that it has had.
 * @returns the memory of a process, in MiB; undefined where the system has no /proc or no such process.
 */
async function memoryMb(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** @returns the most memory that any of these processes has had in RAM, in MiB. */
export async function peakMb(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map((pid) => memoryMb(pid, 'VmHWM')));
  return Math.round(Math.max(0, ...each.map((mb) => mb ?? 0)));
}

/** @returns the memory of all gateways that run, in MiB. */
export async function gatewayMemoryMb({ gateways }: Cluster): Promise<number> {
  const each = await Promise.all(gateways.map(({ program }) => memoryMb(program.pid, 'VmRSS')));
  return each.reduce<number>((sum, mb) => sum + (mb ?? 0), 0);
}

/**
 * Polls the memory of the gateways.
 * @returns a function that ends this and returns the maximum in MiB.
 */
export function watchMemory(cluster: Cluster): () => Promise<{ mostMb: number; seconds: number }> {
  const began = now();
  let mostMb = 0;
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    looking = gatewayMemoryMb(cluster).then((mb) => {
      mostMb = Math.max(mostMb, mb);
    });
  };
  look();
  const timer = setInterval(look, 100);
  return async () => {
    clearInterval(timer);
    await looking;
    return { mostMb, seconds: (now() - began) / 1000 };
  };
}
