import { setTimeout as delay } from 'node:timers/promises';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/**
 * The answer to the first wrong token of an address waits for so long, in ms; each further one for twice as
 * long.
 */
const firstDelayMs = 100;
const mostDelayMs = 5000;
/** An address that has presented no wrong token for so long begins anew, in ms. */
const forgetAfterMs = 900_000;
const mostAddresses = 10_000;
/** Answers that wait at once. Further ones are sent at once. */
const mostDelayed = 200;

interface Failures {
  readonly count: number;
  readonly at: number;
}

/**
 * Counts wrong tokens, and slows the answers to them for each client's address. What it keeps is bounded. A
 * right token never comes here, so nobody is locked out by others behind the same address.
 */
export class FailedTokens {
  readonly #counter: Counter;
  /** The address that failed last is at the end. */
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

  /** Notes a wrong token of a client's address, in its one form. @returns when it is to be answered. */
  async slowDown(address: string): Promise<void> {
    this.#counter.inc();
    const delayMs = delayAfter(this.#note(address, performance.now()));
    if (this.#delayed >= mostDelayed || this.#stopped.signal.aborted) return;
    this.#delayed += 1;
    await delay(delayMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    this.#delayed -= 1;
  }

  /** From now on nothing waits any more. */
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
    if (this.#byAddress.size > mostAddresses && oldest !== undefined) this.#byAddress.delete(oldest);
    return count;
  }
}

/** @returns how long the answer to the wrong token of this number waits, in ms. */
export function delayAfter(count: number): number {
  return Math.min(mostDelayMs, firstDelayMs * 2 ** (count - 1));
}
