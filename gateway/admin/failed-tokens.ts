import { setTimeout as delay } from 'node:timers/promises';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** Delay in ms of the answer to an address's first wrong token. Each further one doubles it. */
const firstDelayMs = 100;
const maxDelayMs = 5000;
/** Time in ms after which the wrong tokens of an address are forgotten. */
const forgetAfterMs = 900_000;
const maxAddresses = 10_000;
/** Answers that may be delayed at the same time. Further ones are sent at once. */
const maxDelayed = 200;

interface Failures {
  readonly count: number;
  readonly at: number;
}

/**
 * Counts wrong tokens, and delays the answers to them by the client's address. Its memory is bounded. A right
 * token never gets here, so no client locks out others behind the same address.
 */
export class FailedTokens {
  readonly #counter: Counter;
  /** In the order of the last failure. */
  readonly #byAddress = new Map<string, Failures>();
  readonly #stopped = new AbortController();
  #delayed = 0;

  constructor(registry: Registry) {
    this.#counter = new Counter({
      name: 'ringpost_admin_failed_tokens_total',
      help: 'Calls of the admin side with a wrong token',
      registers: [registry],
    });
  }

  /** Notes a wrong token. @param address of the client, in canonical form. @returns when to answer. */
  async slowDown(address: string): Promise<void> {
    this.#counter.inc();
    const delayMs = delayAfter(this.#note(address, performance.now()));
    if (this.#delayed >= maxDelayed || this.#stopped.signal.aborted) return;
    this.#delayed += 1;
    await delay(delayMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    this.#delayed -= 1;
  }

  /** Ends all delays; there are none from now on. */
  stop(): void {
    this.#stopped.abort();
  }

  #note(address: string, now: number): number {
    const before = this.#byAddress.get(address);
    const recent = before !== undefined && now - before.at < forgetAfterMs;
    const count = recent ? before.count + 1 : 1;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { count, at: now });
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > maxAddresses && oldest !== undefined) this.#byAddress.delete(oldest);
    return count;
  }
}

/** @returns the delay in ms of the answer to an address's wrong token with this number. */
export function delayAfter(count: number): number {
  return Math.min(maxDelayMs, firstDelayMs * 2 ** (count - 1));
}
