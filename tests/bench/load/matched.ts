import { performance } from 'node:perf_hooks';
import { Client } from 'undici';
import { bodyOf, bodyParts, idOfRequest } from '../workload/requests.ts';
import type { Load, LoadOptions } from './load.ts';

const maxWaitMs = 10_000;

/**
 * Puts load on a system from this process: each connection has one request under way, and each answer is
 * compared with that request. wrk is faster, but its script does not learn the connection of an answer.
 * @returns after all requests have been answered.
 */
export async function matched(options: LoadOptions): Promise<Load> {
  const { urls, connections, seconds, run, request } = options;
  const { method, headers } = request;
  const parts = bodyParts(request, run);
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1000;
  let [sent, answered, foreign, refused, broken] = [0, 0, 0, 0, 0];
  const keepBusy = async (_: unknown, at: number): Promise<void> => {
    const client = new Client(urls[at % urls.length] ?? '', {
      pipelining: 1,
      headersTimeout: maxWaitMs,
      bodyTimeout: maxWaitMs,
    });
    try {
      while (performance.now() < end) {
        const id = idOfRequest(run, sent);
        sent += 1;
        const wanted = bodyOf(parts, id);
        const from = performance.now();
        const answer = await client.request({
          path: `/w/${id}`,
          method,
          headers,
          ...(request.bodyBytes > 0 && { body: wanted }),
        });
        const text = await answer.body.text();
        latencies.push(performance.now() - from);
        if (answer.statusCode !== 200) refused += 1;
        else if (text === wanted) answered += 1;
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
  const percentile = (share: number): number => latencies[Math.ceil(latencies.length * share) - 1] ?? 0;
  return {
    seconds: (performance.now() - started) / 1000,
    p50: percentile(0.5),
    p90: percentile(0.9),
    p99: percentile(0.99),
    max: percentile(1),
    sent,
    answered,
    foreign,
    refused,
    overdue: sent - answered - foreign - refused,
    broken,
  };
}
