import { readFile, readdir } from 'node:fs/promises';

/** Linux has 100 ticks per second on all machines that Node.js supports (USER_HZ, proc(5)). */
const microsecondsPerTick = 10_000;

/** @returns the processor time that a process has used, in µs; 0 without the process or without /proc. */
export async function processorTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name before the state is in parentheses and may contain anything.
  const [, utime = '0', stime = '0'] =
    /^ \w(?: \S+){10} (\d+) (\d+)/.exec(stat.slice(stat.lastIndexOf(')') + 1)) ?? [];
  return (Number(utime) + Number(stime)) * microsecondsPerTick;
}

/** @returns the pids of a process and all its descendants. */
export async function withDescendants(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const children = await Promise.all(
    threads.map(async (thread) => {
      const text = await readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '');
      return text.split(' ').filter(Boolean).map(Number);
    }),
  );
  const below = await Promise.all(children.flat().map(withDescendants));
  return [pid, ...below.flat()];
}

/** What a process does for a request. */
export type Role = 'gateway' | 'worker' | 'store' | 'proxy';

/** A process of a system, or several with the same role. */
export interface Part {
  readonly role: Role;
  readonly pid: number;
}

/**
 * @param parts the root processes; their descendants have the same role unless they are workers.
 * @param workers pids of the workers, whatever their parent
 * @returns the processor time of each role, in µs.
 */
export async function processorTimes(
  parts: readonly Part[],
  workers: readonly number[],
): Promise<Map<Role, number>> {
  const roles = new Map<number, Role>();
  for (const { role, pid } of parts) for (const each of await withDescendants(pid)) roles.set(each, role);
  for (const pid of workers) roles.set(pid, 'worker');
  const times = await Promise.all(
    [...roles].map(async ([pid, role]) => [role, await processorTime(pid)] as const),
  );
  const sums = new Map<Role, number>();
  for (const [role, time] of times) sums.set(role, (sums.get(role) ?? 0) + time);
  return sums;
}

/** @returns the processor time of all ended and reaped children of this process, in µs. */
export async function reapedTime(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // cutime and cstime are fields 16 and 17 in proc(5); `fields` starts with field 3.
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * microsecondsPerTick;
}

/** @returns the busy time and the whole time of all processors, in µs. */
export async function machineTime(): Promise<{ readonly busy: number; readonly all: number }> {
  const stat = await readFile('/proc/stat', 'utf8').catch(() => '');
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softIrq = 0, steal = 0] =
    /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const busy = user + nice + system + irq + softIrq + steal;
  return { busy: busy * microsecondsPerTick, all: (busy + idle + wait) * microsecondsPerTick };
}
