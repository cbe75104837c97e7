import { AsyncLocalStorage } from 'node:async_hooks';

/** A gateway, worker or controller of a schedule. All of them run in this one process of the system. */
export interface SimProcess {
  readonly name: string;
  /** Its number, as other processes of its host see it. */
  readonly pid: number;
  /** A frozen process gets no replies, and its timers do not fire. A dead one never acts again. */
  state: 'running' | 'frozen' | 'dead';
  /** Told when the process kills itself, as `kill -9` would. */
  readonly onKilled: () => void;
}

const byPid = new Map<number, SimProcess>();
const firstPid = 100;

/** Numbers a process. The first of a schedule is number 1. */
export function numbered(n: number, process: Omit<SimProcess, 'pid'>): SimProcess {
  const numberedOne: SimProcess = { ...process, pid: firstPid + n };
  byPid.set(numberedOne.pid, numberedOne);
  return numberedOne;
}

/** @returns a process of the schedule that runs now. */
export function processOf(pid: number): SimProcess | undefined {
  return byPid.get(pid);
}

/** Forgets the processes of the last schedule. */
export function forgetProcesses(): void {
  byPid.clear();
}

const current = new AsyncLocalStorage<SimProcess>();

/** @returns the process whose code runs now; undefined if it is the harness itself. */
export function runningProcess(): SimProcess | undefined {
  return current.getStore();
}

/** Runs code as a process does. What the code starts, runs in that process too. */
export function runIn<T>(owner: SimProcess, act: () => T): T {
  return current.run(owner, act);
}

/** Runs code of the harness, whoever has called it. */
export function runOutside<T>(act: () => T): T {
  return current.exit(act);
}
