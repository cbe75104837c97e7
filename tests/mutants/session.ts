/**
 * A worker thread in which the tests of one source file run for one mutant after the other. Modules that do
 * not import the mutated file are loaded once.
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { configureGlobal } from 'fast-check';
import { runBaseTests, setupEnvironment } from 'vitest/worker';
import { importersOf } from './imports.ts';
import { currentTrial } from './trial.ts';
import type { SessionPlan, Trial, Tried } from './trial.ts';

const plan = workerData as SessionPlan;
/** Nothing is traced: each part of the work is only done. */
const traces = { $: (_: string, ...rest: readonly unknown[]) => (rest.at(-1) as () => unknown)() } as never;
/** Loaded again for each mutant, by URL. */
const fresh = new Set(
  [...importersOf(plan.folder, plan.file === undefined ? [] : [plan.file], plan.tests), ...plan.tests].map(
    (file) => pathToFileURL(file).href,
  ),
);
const fileRedis = pathToFileURL(join(plan.folder, 'tests/fixtures/file-redis.ts')).href;
const loader = pathToFileURL(join(plan.folder, 'shared/store/scripts/load.ts')).href;
const define = 'export function defineKeyedScript(redis: Redis, lua: string): RunWithKeys {\n';

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const [, mutant] = /(\?mutant=\d+)$/.exec(context.parentURL ?? '') ?? [];
    return mutant !== undefined && fresh.has(found.url) ? { ...found, url: found.url + mutant } : found;
  },
  load(url, context, next) {
    const [file = ''] = url.split('?');
    if (file === fileRedis) return asModule(`export const fileRedisUrl = ${JSON.stringify(plan.redisUrl)};`);
    if (file === loader && plan.file === undefined)
      return asModule(strip(withMutants(readFileSync(fileURLToPath(file), 'utf8'))));
    if (!url.includes('?mutant=')) return next(url, context);
    return asModule(
      fileURLToPath(file) === plan.file ? strip(currentTrial.text) : known(fileURLToPath(file)),
    );
  },
});

function asModule(source: string): { format: 'module'; source: string; shortCircuit: true } {
  return { format: 'module', source, shortCircuit: true };
}

function strip(source: string): string {
  return stripTypeScriptTypes(source);
}

const stripped = new Map<string, string>();

function known(file: string): string {
  const text = stripped.get(file) ?? strip(readFileSync(file, 'utf8'));
  stripped.set(file, text);
  return text;
}

/** Makes each script take the mutated text in place of its own when it is defined. */
function withMutants(source: string): string {
  if (!source.includes(define)) throw new TypeError('load.ts does not define scripts as expected');
  return source.replace(define, `${define}  lua = globalThis.mutatedScript(lua);\n`);
}

let used = plan.file !== undefined;
Object.assign(globalThis, {
  mutatedScript: (lua: string) => {
    used ||= lua.includes(plan.original);
    return lua.replace(plan.original, () => currentTrial.text);
  },
});

/** Errors that no test caught. */
const uncaught: string[] = [];
/** Stands for vitest's main thread. */
const rpc = new Proxy(
  {},
  {
    get: (_, name) => (argument: unknown, kind: unknown) => {
      if (name === 'onUnhandledError') uncaught.push(`${String(kind)}: ${messageOf(argument)}`);
      return Promise.resolve(name === 'getCountOfFailedTests' ? 0 : undefined);
    },
  },
);
const environment = { name: 'node', options: null };
await setupEnvironment({
  environment,
  config: plan.config,
  rpc,
  traces,
  metaEnv: {},
  projectName: '',
  pool: 'threads',
} as never);

/** What is known of a test file after it has run. */
interface RanTask {
  readonly name: string;
  readonly type: string;
  readonly tasks?: readonly RanTask[];
  readonly result?: { readonly state: string; readonly errors?: readonly { readonly message?: string }[] };
}

async function attempt(trial: Trial): Promise<Tried> {
  Object.assign(currentTrial, trial);
  uncaught.length = 0;
  let ran = 0;
  for (const filepath of plan.tests) {
    const files: RanTask[] = [];
    const spied = new Proxy(rpc, {
      get:
        (target, name) =>
        (...args: unknown[]) => {
          if (name === 'onCollected') files.push(...(args[0] as RanTask[]));
          return (target as Record<string | symbol, (...all: unknown[]) => unknown>)[name]?.(...args);
        },
    });
    const ctx = {
      files: [{ filepath }],
      config: plan.config,
      rpc: spied,
      environment,
      pool: 'threads',
      workerId: 1,
      metaEnv: {},
    };
    const state = {
      ctx,
      config: plan.config,
      rpc: spied,
      durations: { environment: 0, prepare: 0, fetch: 0 },
      onCancel: () => () => undefined,
      onCleanup: () => undefined,
      providedContext: {},
      resolvingModules: new Set(),
      onFilterStackTrace: (stack: string) => stack,
      metaEnv: {},
    };
    await runBaseTests('run', state as never, traces);
    const tasks = files.flatMap(flatten);
    ran += tasks.filter(({ type, result }) => type === 'test' && result !== undefined).length;
    const failed = tasks.findLast(({ result }) => result?.state === 'fail');
    const by = failed === undefined ? uncaught[0] : failed.name;
    const message = failed?.result?.errors?.[0]?.message ?? '';
    if (by !== undefined || files.length === 0)
      return tried(trial, ran, by ?? 'not loaded', / timed out in \d+ms/.test(message));
  }
  return tried(trial, ran, undefined, false);
}

function tried({ number }: Trial, ran: number, by: string | undefined, late: boolean): Tried {
  return { number, by, late, ran, used, heapBytes: process.memoryUsage().heapUsed };
}

function flatten(task: RanTask): RanTask[] {
  return [task, ...(task.tasks ?? []).flatMap(flatten)];
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
}

// The same cases each time, fewer of them, and without the search for the smallest one.
configureGlobal({ seed: 1, numRuns: 30, endOnFailure: true });
const answer = (done: Tried | 'ready'): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window.
  parentPort?.postMessage(done);
};
parentPort?.on('message', (trial: Trial) => {
  void attempt(trial).then(answer, (error: unknown) => answer(tried(trial, 0, messageOf(error), false)));
});
answer('ready');
