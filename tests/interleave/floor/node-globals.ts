/**
 * Replaces what the code under test would take from the system: time, timers, random numbers, connections,
 * threads and signals. Code of the harness, which runs in no process of a schedule, gets the real ones.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Duplex } from 'node:stream';
import { seeded } from '../choices.ts';
import type { Random } from '../choices.ts';
import { simDisk } from './sim-disk.ts';
import { processOf, runningProcess } from './sim-process.ts';
import { setVirtualTimer, startMs, virtualClock, virtualNow, VirtualTimer } from './virtual-clock.ts';

export interface Floor {
  /** Connects the process whose code runs now to Redis. */
  readonly connect: () => Duplex;
  /** Makes the lease thread of the worker whose code runs now. */
  readonly createThread: (data: unknown) => object;
}

type Callback = (...args: unknown[]) => void;

let random: Random = seeded(0);
let immediates = 0;

/** Makes the random numbers of the code under test begin anew. */
export function resetRandom(): void {
  random = seeded(0);
  immediates = 0;
}

/** How many calls of `setImmediate` have not run yet. */
export function pendingImmediates(): number {
  return immediates;
}

/** The real functions, for the harness. */
export const real = {
  setImmediate: globalThis.setImmediate,
  setTimeout: globalThis.setTimeout,
  now: performance.now.bind(performance),
};

function randomBytes(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)));
}

function randomUuid(): string {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Replaces them once in this process of the system. */
export function replaceNodeGlobals(floor: Floor): void {
  const load = createRequire(import.meta.url);
  replaceTimers(load);
  replaceClocks();
  replaceRandom(load);
  replaceConnections(load, floor);
  replaceProcess(load);
  replaceFiles(load);
  syncBuiltinESMExports();
}

/** Replaces one function of an object; `make` gets the real one. */
function replace(holder: object, name: string, make: (given: Callback) => unknown): void {
  const given: unknown = Reflect.get(holder, name);
  Object.defineProperty(holder, name, {
    value: make((given as Callback).bind(holder)), // all of them are functions
    configurable: true,
    writable: true,
  });
}

function replaceTimers(load: NodeJS.Require): void {
  const timers: object = load('node:timers');
  for (const [name, repeats] of [
    ['setTimeout', false],
    ['setInterval', true],
  ] as const) {
    const make = (given: Callback): Callback =>
      ((act: Callback, delayMs?: number, ...args: unknown[]) => {
        const owner = runningProcess();
        if (owner === undefined) return given(act, delayMs, ...args);
        return setVirtualTimer(owner, () => act(...args), delayMs ?? 0, repeats);
      }) as Callback; // what it returns is a timer
    for (const holder of [globalThis, timers]) replace(holder, name, make);
  }
  for (const name of ['clearTimeout', 'clearInterval']) {
    for (const holder of [globalThis, timers])
      replace(holder, name, (given) => (timer: unknown) => {
        if (timer instanceof VirtualTimer) timer.close();
        else given(timer);
      });
  }
  for (const holder of [globalThis, timers])
    replace(holder, 'setImmediate', (given) => (act: Callback, ...args: unknown[]) => {
      const owner = runningProcess();
      if (owner === undefined) return given(act, ...args);
      immediates += 1;
      return given(() => {
        immediates -= 1;
        if (owner.state !== 'dead') act(...args);
      });
    });
  replace(load('node:timers/promises') as object, 'setTimeout', (given) => (...args: unknown[]) => {
    const owner = runningProcess();
    if (owner === undefined) return given(...args);
    const [delayMs, value, options] = args as [number?, unknown?, { signal?: AbortSignal }?];
    return new Promise((resolve, reject) => {
      const signal = options?.signal;
      const abort = (): void => {
        timer.close();
        reject(Object.assign(new Error('The operation was aborted'), { name: 'AbortError' }));
      };
      const timer = setVirtualTimer(
        owner,
        () => {
          signal?.removeEventListener('abort', abort);
          resolve(value);
        },
        delayMs ?? 0,
        false,
      );
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  });
}

function replaceClocks(): void {
  const RealDate = Date;
  class SimDate extends RealDate {
    constructor(...args: readonly unknown[]) {
      const now = virtualNow();
      if (args.length === 0 && now !== undefined) super(now);
      else super(...(args as [])); // whatever Date takes
    }

    static override now(): number {
      return virtualNow() ?? RealDate.now();
    }
  }
  globalThis.Date = SimDate as DateConstructor; // nobody calls it without `new`
  /** Each process of a schedule has been up for a while when the schedule begins. */
  const upMs = 100_000;
  const elapsed = (): number => virtualClock.nowMs - startMs + upMs;
  replace(
    performance,
    'now',
    (given) => () => (runningProcess() === undefined ? given() : elapsed()) as number,
  );
  replace(process.hrtime, 'bigint', (given) => () => {
    if (runningProcess() === undefined) return given();
    return BigInt(elapsed()) * 1_000_000n;
  });
}

function replaceRandom(load: NodeJS.Require): void {
  const crypto: object = load('node:crypto');
  const inSim =
    (given: Callback, own: (...args: unknown[]) => unknown): Callback =>
    (...args: unknown[]) =>
      runningProcess() === undefined ? given(...args) : own(...args);
  replace(crypto, 'randomUUID', (given) => inSim(given, () => randomUuid()));
  replace(crypto, 'randomBytes', (given) => inSim(given, (count) => randomBytes(Number(count))));
  replace(crypto, 'randomInt', (given) =>
    inSim(given, (least, end) => Number(least) + Math.floor(random() * (Number(end) - Number(least)))),
  );
  replace(Math, 'random', (given) => inSim(given, () => random()));
}

function replaceConnections(load: NodeJS.Require, floor: Floor): void {
  const net: object = load('node:net');
  for (const name of ['createConnection', 'connect'])
    replace(net, name, (given) => (...args: unknown[]) => {
      if (runningProcess() === undefined) return given(...args);
      return floor.connect();
    });
  const threads = load('node:worker_threads') as { Worker: new (...args: unknown[]) => object };
  const { Worker } = threads;
  // A function that is called with `new` may return another object.
  threads.Worker = function SimWorker(file: unknown, options: { readonly workerData?: unknown }): object {
    if (runningProcess() === undefined) return new Worker(file, options);
    return floor.createThread(options.workerData);
  } as unknown as typeof Worker;
}

/** What a process of a schedule writes in memory is kept by the harness. */
function replaceFiles(load: NodeJS.Require): void {
  const files: object = load('node:fs');
  for (const [name, own] of Object.entries(simDisk.calls))
    replace(files, name, (given) => (...args: unknown[]) => {
      if (runningProcess() === undefined || !simDisk.has(args[0])) return given(...args);
      return (own as Callback)(...args); // it takes what the function of Node takes
    });
}

function replaceProcess(load: NodeJS.Require): void {
  const { pid } = process;
  Object.defineProperty(process, 'pid', { get: () => runningProcess()?.pid ?? pid, configurable: true });
  replace(process, 'kill', (given) => (...args: unknown[]) => {
    if (runningProcess() === undefined) return given(...args);
    const [whom, signal] = args;
    const found = processOf(Number(whom));
    if (found === undefined || found.state === 'dead')
      throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    if (signal !== 0) found.onKilled();
    return true;
  });
  const memory = { rss: 1e8, heapTotal: 1e8, heapUsed: 5e7, external: 0, arrayBuffers: 0 };
  const usage = Object.assign(() => memory, { rss: () => memory.rss });
  Object.defineProperty(process, 'memoryUsage', { value: usage, configurable: true });
  const hooks: object = load('node:perf_hooks');
  const histogram = {
    count: 0,
    enable: () => true,
    disable: () => true,
    reset: () => undefined,
    percentile: () => 0,
  };
  replace(hooks, 'monitorEventLoopDelay', (given) => (...args: unknown[]) => {
    if (runningProcess() === undefined) return given(...args);
    return histogram;
  });
}
