import { setTimeout as delay } from 'node:timers/promises';
import { finalStates } from '#shared/contract/request-record.ts';
import type { RequestChanges } from './request-changes.ts';
import type { KnownRequest } from './request-store.ts';

/** A request is looked at this often at least, in ms: what nobody ends expires without a word. */
const lookEveryMs = 1000;

/**
 * Waits for a request to come to its end.
 * @param look reads the request; what it throws is passed on.
 * @param signal ends the wait.
 * @returns the request once it has come to its end, or as it is when `waitMs` are over.
 */
export async function untilFinal(
  changes: RequestChanges,
  id: string,
  look: () => Promise<KnownRequest>,
  waitMs: number,
  signal?: AbortSignal,
): Promise<KnownRequest> {
  const until = performance.now() + waitMs;
  let changed = Promise.withResolvers<void>();
  const wake = (): void => changed.resolve();
  const listening = changes.listen(id, wake);
  // While Redis is away nobody hears anything, and the looks below go on.
  await Promise.race([listening, delay(Math.min(waitMs, lookEveryMs))]);
  signal?.addEventListener('abort', wake, { once: true });
  try {
    for (;;) {
      const found = await look();
      const left = until - performance.now();
      if (finalStates.has(found.record.state) || left <= 0 || signal?.aborted) return found;
      const timer = setTimeout(wake, Math.min(left, lookEveryMs));
      await changed.promise;
      clearTimeout(timer);
      changed = Promise.withResolvers<void>();
    }
  } finally {
    listening.then((end) => end()).catch(() => undefined);
  }
}
