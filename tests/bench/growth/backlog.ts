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
  /** How many requests shall wait; 0: they are executed as they come. */
  readonly backlog: number;
  /** How many are measured. */
  readonly count: number;
}

const connections = 64;
const patienceMs = 300_000;
const system = ringpost({
  name: 'ringpost',
  title: '',
  settings: '',
  env: { QUEUE_LIMIT: '1000000', ASYNC_TIMEOUT_MS: '3600000' },
});

/**
 * Hands requests over while the workers are held, until so many wait, and measures what the last ones cost,
 * what they take in Redis, and what it costs to execute them all. Requests for which clients wait cannot wait
 * in such numbers.
 */
export function measureBacklog(options: BacklogOptions): Promise<BacklogPoint> {
  const { round, bodyBytes, backlog, count } = options;
  return onStage(system, options, async (stage) => {
    const { executions, redis, running } = stage;
    const [url = ''] = running.urls;
    const hand = (run: number, from: number, to: number): Promise<number> =>
      handOver({ url, run, from, to, bodyBytes });
    // Code is compiled and connections are open before anything is measured.
    await hand(1, 0, 2000);
    await untilExecuted(stage, 1, 2000);
    let refused = 0;
    const tally = async (handing: Promise<number>): Promise<number> => (refused += await handing);
    if (backlog === 0) {
      const { costs } = await measureCosts(
        stage,
        async () => {
          await tally(hand(2, 0, count));
          await untilExecuted(stage, 2, count);
        },
        () => count,
      );
      return { round, bodyBytes, backlog, accepting: costs, faults: await faults(stage, count, refused) };
    }
    executions.hold();
    const before = await memoryOf(redis);
    await tally(hand(2, 0, backlog - count));
    const { costs: accepting } = await measureCosts(
      stage,
      () => tally(hand(2, backlog - count, backlog)),
      () => count,
    );
    const memory = ((await memoryOf(redis)) - before) / backlog;
    executions.release();
    const began = performance.now();
    const { costs: executing } = await measureCosts(
      stage,
      () => untilExecuted(stage, 2, backlog),
      () => backlog,
    );
    const drainRate = backlog / ((performance.now() - began) / 1000);
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
    [refused, 'requests were not taken'],
    [count - refused - distinct, 'requests were not executed'],
    [all - distinct, 'executions were doubled'],
  ];
  return found.filter(([number]) => number !== 0).map(([number, what]) => `${number} ${what}`);
}

interface HandOver {
  readonly url: string;
  readonly run: number;
  /** The number of the first request. */
  readonly from: number;
  /** The number past the last. */
  readonly to: number;
  readonly bodyBytes: number;
}

/** Hands requests over on many connections. @returns how many were not answered with 202. */
async function handOver({ url, run, from, to, bodyBytes }: HandOver): Promise<number> {
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
    if (waited > patienceMs) throw new Error('the backlog is not executed');
    await delay(20);
  }
}

/** Held work counts as executed when it begins: what is left is in Redis. */
async function memoryOf(redis: Redis | undefined): Promise<number> {
  const info = (await redis?.info('memory')) ?? '';
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0);
}
