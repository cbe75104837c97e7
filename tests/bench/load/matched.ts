import { performance } from 'node:perf_hooks';
import { Client } from 'undici';
import type { Load, LoadOptions } from './load.ts';

const patienceMs = 10_000;

/**
 * Puts load on a system from here: each connection has one request under way, and each answer is held against the
 * request of its own connection. Slower than wrk, which does not tell its script the connection of an answer.
 * @returns when all requests have been answered, so that none is under way any more.
 */
export async function matched({ url, connections, seconds, run }: LoadOptions): Promise<Load> {
  const latencies: number[] = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  let [sent, answered, foreign, refused, broken] = [0, 0, 0, 0, 0];
  const keepBusy = async (): Promise<void> => {
    const client = new Client(url, { pipelining: 1, headersTimeout: patienceMs, bodyTimeout: patienceMs });
    try {
      while (performance.now() < end) {
        const id = `${run}-${sent}`;
        sent += 1;
        const from = performance.now();
        const { statusCode, body } = await client.request({ method: 'GET', path: `/w/${id}` });
        const text = await body.text();
        latencies.push(performance.now() - from);
        if (statusCode !== 200) refused += 1;
        else if (text === id) answered += 1;
        else foreign += 1;
      }
    } catch {
      broken += 1;
    } finally {
      await client.destroy();
    }
  };
  await Promise.all(Array.from({ length: connections }, keepBusy));
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.ceil(latencies.length * share) - 1] ?? 0;
  return {
    seconds: (performance.now() - began) / 1000,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
    sent,
    answered,
    foreign,
    refused,
    overdue: sent - answered - foreign - refused,
    broken,
  };
}
