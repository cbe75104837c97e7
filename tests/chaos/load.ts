import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { now } from './clock.ts';
import { send } from './attempt.ts';
import type { SuiteTrace } from './protocol.ts';
import type { Random } from './random.ts';
import { finalResult, isSuccess } from './record.ts';
import type { Attempt, RequestRecord, Result } from './record.ts';

export interface LoadOptions {
  /** Where requests go: `http://host:port`. */
  readonly targets: readonly string[];
  /** How many connections are kept busy, each with one request at a time. */
  readonly connections: number;
  readonly random: Random;
  /** Each request works for a random time from 0 to this, in ms. */
  readonly workMs: number;
  /** The methods to choose from; by default GET and POST. */
  readonly methods?: readonly RequestRecord['method'][];
  /** Returns the hash key of a request; by default a random one. */
  readonly key?: () => string;
  /**
   * In addition to the connections, sends a request at this interval without waiting for earlier ones, in ms.
   */
  readonly alsoEveryMs?: number;
  /** How many of the connections are in use now; all by default. */
  readonly inUse?: () => number;
  /** How long a connection pauses between two requests, in ms. */
  readonly restMs?: number;
  /** Whether a request that is answered 503 or 429 is sent again; true by default. */
  readonly retries503?: boolean;
  /** Is told of each request and its answer. */
  readonly trace?: SuiteTrace;
}

/** A request is given up after this time, in ms. No answer of a gateway may take as long. */
const boundMs = 60_000;
/** `Retry-After` is obeyed only up to this wait, in ms, since its unit is seconds. */
const maxPauseMs = 200;
/** How often a connection that is not in use looks whether it is now, in ms. */
const unusedMs = 50;

/**
 * A client that keeps its connections busy and retries as HTTP allows. If a request was certainly not
 * accepted (refused connection, 503, 429), it sends it again. If a request may have been accepted, it sends
 * it again only if the method is idempotent (RFC 9110 9.2.2).
 */
export class Load {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, scheduling: 'lifo' });
  readonly #records: RequestRecord[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #busy: Promise<void>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #succeeded = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** The requests that have ended so far. */
  get records(): readonly RequestRecord[] {
    return this.#records;
  }

  start(): void {
    const { connections, alsoEveryMs } = this.#options;
    for (let slot = 0; slot < connections; slot += 1) this.#busy.push(this.#keepBusy(slot));
    if (alsoEveryMs === undefined) return;
    let slot = 0;
    this.#timer = setInterval(() => this.#busy.push(this.#once((slot += 1))), alsoEveryMs);
  }

  /** Resolves when this many more requests have been answered with 2xx. */
  answered(count: number): Promise<void> {
    const goal = this.#succeeded + count;
    return this.until(() => this.#succeeded >= goal);
  }

  /** Resolves when the condition holds. It is checked after each request. */
  until(holds: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!holds()) return;
      this.#listeners.delete(check);
      resolve();
    };
    this.#listeners.add(check);
    check();
    return promise;
  }

  /** Stops sending. @returns all requests once the last one has ended. */
  async stop(): Promise<readonly RequestRecord[]> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await Promise.all(this.#busy);
    this.#agent.destroy();
    return this.#records;
  }

  async #keepBusy(slot: number): Promise<void> {
    const { restMs, inUse = () => Infinity } = this.#options;
    while (!this.#stopped) {
      if (slot >= inUse()) {
        await delay(unusedMs);
        continue;
      }
      await this.#once(slot);
      if (restMs !== undefined) await delay(restMs);
    }
  }

  async #once(slot: number): Promise<void> {
    const record = await this.#request(slot);
    this.#records.push(record);
    if (isSuccess(finalResult(record))) this.#succeeded += 1;
    for (const listener of this.#listeners) listener();
  }

  async #request(slot: number): Promise<RequestRecord> {
    const { targets, random, workMs, trace, methods = ['GET', 'POST'], key } = this.#options;
    const id = randomUUID();
    const method = random.pick(methods);
    const hashKey = key?.() ?? `key-${random.between(0, 999_999)}`;
    const path = `/${id}?ms=${random.between(0, workMs)}`;
    const attempts: Attempt[] = [];
    const giveUpAt = now() + boundMs;
    // Each connection prefers one gateway, and tries the next one after a failure.
    for (let target = slot % targets.length; ; target = (target + 1) % targets.length) {
      const sent = now();
      trace?.asked(id, method);
      const result = await send({
        url: `${targets[target]}${path}`,
        method,
        headers: { 'ringpost-key': hashKey },
        body: method === 'POST' ? `order ${id}` : undefined,
        agent: this.#agent,
        timeoutMs: Math.max(1, giveUpAt - sent),
      });
      trace?.told(id, result);
      attempts.push({ target, sent, ended: now(), result });
      const pause = this.#pauseBeforeRetry(method, result);
      if (pause === undefined || now() + pause > giveUpAt) return { id, method, key: hashKey, attempts };
      await delay(pause);
    }
  }

  /**
   * @returns how long to wait before the request is sent again, in ms; undefined if it must not be.
   */
  #pauseBeforeRetry(method: RequestRecord['method'], result: Result): number | undefined {
    const { retries503 = true, random } = this.#options;
    switch (result.kind) {
      case 'refused':
        return random.between(20, 100);
      case 'broken':
        return method === 'GET' ? random.between(0, 50) : undefined;
      case 'silence':
        return undefined;
      case 'answer':
        if ((result.status !== 503 && result.status !== 429) || !retries503) return undefined;
        return Math.min((result.retryAfter ?? 0) * 1000, maxPauseMs) + random.between(0, 50);
      default:
        return result satisfies never;
    }
  }
}
