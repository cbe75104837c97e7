import { AsyncLocalStorage } from 'node:async_hooks';

/** A gateway, worker or controller of a schedule. All of them run in this one process of the system. */
export interface SimProcess {
  readonly name: string;
  /** A frozen process gets no replies, and its timers do not fire. A dead one never acts again. */
  state: 'running' | 'frozen' | 'dead';
  /** Told when the process kills itself, as `kill -9` would. */
  readonly onKilled: () => void;
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
