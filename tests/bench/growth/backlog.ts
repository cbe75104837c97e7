import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { Client } from 'undici';
import { measureCosts, onStage } from '../stage.ts';
import type { Stage, StageOptions } from '../stage.ts';
import { ringpost } from '../systems/ringpost.ts';
import type { BacklogPoint } from './growth.ts';

export interface BacklogOptions extends StageOptions {
  readonly round: number;
  readonly bodyBytes: number;
  /** How many requests wait. With 0 they are executed as they arrive. */
  readonly backlog: number;
  /** How many requests are measured. */
  readonly count: number;
}

const connections = 64;
const maxWaitMs = 300_000;
const system = ringpost({
  name: 'ringpost',
  title: '',
  settings: '',
  env: { QUEUE_LIMIT: '1000000', ASYNC_TIMEOUT_MS: '3600000' },
});

/**
 * Holds the workers and sends async requests until the backlog is reached. Measures the cost of the last
 * requests, the memory that they take in Redis, and the cost of executing all of them. Plain requests cannot
 * wait in such numbers, since each needs a client.
 */
export function measureBacklog(options: BacklogOptions): Promise<BacklogPoint> {
  const { round, bodyBytes, backlog, count } = options;
  return onStage(system, options, async (stage) => {
    const { executions, redis, running } = stage;
    const [url = ''] = running.urls;
    const send = (run: number, from: number, to: number): Promise<number> =>
      sendAsync({ url, run, from, to, bodyBytes });
    // A warm-up: code gets compiled and connections opened before the measurement.
    await send(1, 0, 2000);
    await untilExecuted(stage, 1, 2000);
    let refused = 0;
    const tally = async (sending: Promise<number>): Promise<number> => (refused += await sending);
    if (backlog === 0) {
      const { costs } = await measureCosts(
        stage,
        async () => {
          await tally(send(2, 0, count));
          await untilExecuted(stage, 2, count);
        },
        () => count,
      );
      return { round, bodyBytes, backlog, accepting: costs, faults: await faults(stage, count, refused) };
    }
    executions.hold();
    const before = await memoryOf(redis);
    await tally(send(2, 0, backlog - count));
    const { costs: accepting } = await measureCosts(
      stage,
      () => tally(send(2, backlog - count, backlog)),
      () => count,
    );
    const memory = ((await memoryOf(redis)) - before) / backlog;
    executions.release();
    const started = performance.now();
    const { costs: executing } = await measureCosts(
      stage,
      () => untilExecuted(stage, 2, backlog),
      () => backlog,
    );
    const drainRate = backlog / ((performance.now() - started) / 1000);
    return {
      round,
      bodyBytes,
      backlog,
      accepting,
      executing,
      drainRate,
      memory,
      faults: await faults(stage, backlog, refused),
    };
  });
}

async function faults({ executions }: Stage, count: number, refused: number): Promise<string[]> {
  const { executions: all, distinct } = await executions.of(2);
  const found: [number, string][] = [
    [refused, 'requests were not accepted'],
    [count - refused - distinct, 'requests were not executed'],
    [all - distinct, 'executions were doubled'],
  ];
  return found.filter(([number]) => number !== 0).map(([number, what]) => `${number} ${what}`);
}

interface AsyncLoad {
  readonly url: string;
  readonly run: number;
  /** The number of the first request. */
  readonly from: number;
  /** The number after the last request. */
  readonly to: number;
  readonly bodyBytes: number;
}

/** Sends async requests on many connections. @returns how many were not answered with 202. */
async function sendAsync({ url, run, from, to, bodyBytes }: AsyncLoad): Promise<number> {
  const body = 'x'.repeat(bodyBytes);
  let next = from;
  let refused = 0;
  const keepBusy = async (): Promise<void> => {
    const client = new Client(url, { pipelining: 1 });
    while (next < to) {
      const answer = await client.request({
        path: `/w/${run}-${next++}`,
        headers: { prefer: 'respond-async', 'content-type': 'application/octet-stream' },
        ...(bodyBytes === 0 ? { method: 'GET' } : { method: 'POST', body }),
      });
      await answer.body.dump();
      if (answer.statusCode !== 202) refused += 1;
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: connections }, keepBusy));
  return refused;
}

async function untilExecuted({ executions }: Stage, run: number, count: number): Promise<void> {
  for (let waited = 0; (await executions.now(run)).distinct < count; waited += 20) {
    if (waited > maxWaitMs) throw new Error('the backlog is not executed');
    await delay(20);
  }
}

/** @returns the bytes that Redis uses. */
async function memoryOf(redis: Redis | undefined): Promise<number> {
  const info = (await redis?.info('memory')) ?? '';
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0);
}
