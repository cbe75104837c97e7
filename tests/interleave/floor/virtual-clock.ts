import type { SimProcess } from './sim-process.ts';
import { runIn, runningProcess } from './sim-process.ts';

/** All delays are rounded up to multiples of this, in ms, so that times in Redis are exact. */
export const tickMs = 10;
/** When each schedule begins, in ms since the epoch. */
export const startMs = 1_800_000_000_000;

/** A timer of the code under test. It has the methods of Node's own. */
export class VirtualTimer {
  readonly owner: SimProcess;
  readonly everyMs: number | undefined;
  readonly act: () => void;
  readonly #delayMs: number;
  dueMs: number;

  constructor(owner: SimProcess, act: () => void, delayMs: number, repeats: boolean) {
    this.owner = owner;
    this.act = act;
    this.#delayMs = delayMs;
    this.everyMs = repeats ? delayMs : undefined;
    this.dueMs = virtualClock.nowMs + delayMs;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.dueMs = virtualClock.nowMs + this.#delayMs;
    virtualClock.add(this);
    return this;
  }

  close(): this {
    virtualClock.remove(this);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The time of a schedule, which stands still until it is moved on, and the timers of all its processes. */
class VirtualClock {
  #nowMs = startMs;
  readonly #timers = new Set<VirtualTimer>();

  /** In ms since the epoch. */
  get nowMs(): number {
    return this.#nowMs;
  }

  reset(): void {
    this.#nowMs = startMs;
    this.#timers.clear();
  }

  add(timer: VirtualTimer): void {
    this.#timers.add(timer);
  }

  remove(timer: VirtualTimer): void {
    this.#timers.delete(timer);
  }

  /** Removes the timers of a process that died. */
  removeAll(owner: SimProcess): void {
    for (const timer of this.#timers) if (timer.owner === owner) this.#timers.delete(timer);
  }

  moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }

  /** @returns the timer that fires next. Timers of frozen processes do not fire. */
  next(): VirtualTimer | undefined {
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.owner.state === 'running' && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    return next;
  }

  /** Fires a timer, which is due. An interval that is late by several periods fires once. */
  fire(timer: VirtualTimer): void {
    if (timer.everyMs === undefined) this.#timers.delete(timer);
    else timer.dueMs = this.#nowMs + timer.everyMs;
    runIn(timer.owner, timer.act);
  }
}

export const virtualClock = new VirtualClock();

/** Sets a timer of the process whose code runs now. */
export function setVirtualTimer(
  owner: SimProcess,
  act: () => void,
  delayMs: number,
  repeats: boolean,
): VirtualTimer {
  const rounded = Math.max(1, Math.ceil((Number.isFinite(delayMs) ? delayMs : 0) / tickMs)) * tickMs;
  const timer = new VirtualTimer(owner, act, rounded, repeats);
  if (owner.state !== 'dead') virtualClock.add(timer);
  return timer;
}

/** @returns the time as the running code sees it, in ms since the epoch; undefined in the harness. */
export function virtualNow(): number | undefined {
  return runningProcess() === undefined ? undefined : virtualClock.nowMs;
}
