import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';

const stepMs = 10;

/** A load of so many requests per second, whatever the answers take. */
export interface SteadyLoad {
  readonly answered: number;
  /** Answers with another status than 200, and failed requests. */
  readonly failed: number;
  /** Resolves when the last request has ended. */
  stop(): Promise<void>;
}

/** Starts to ask for a new path with each request. */
export function startSteadyLoad(url: string, requestsPerS: number): SteadyLoad {
  const pool = new Pool(url, { connections: 128, pipelining: 1 });
  const load = { answered: 0, failed: 0 };
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let sent = 0;
  const ask = async (): Promise<void> => {
    const path = `/w/0-${sent}`;
    sent += 1;
    try {
      const { statusCode, body } = await pool.request({ path, method: 'GET' });
      await body.dump();
      if (statusCode === 200) load.answered += 1;
      else load.failed += 1;
    } catch {
      load.failed += 1;
    }
  };
  const paced = async (): Promise<void> => {
    const started = performance.now();
    while (!stopping.signal.aborted) {
      const due = ((performance.now() - started) * requestsPerS) / 1000;
      for (let missing = Math.floor(due) - sent; missing > 0; missing -= 1) {
        const asked = ask();
        running.add(asked);
        void asked.finally(() => running.delete(asked));
      }
      await delay(stepMs);
    }
  };
  const pacing = paced();
  return Object.assign(load, {
    stop: async () => {
      stopping.abort();
      await pacing;
      await Promise.all(running);
      await pool.close();
    },
  });
}
