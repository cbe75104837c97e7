import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { now } from './clock.ts';
import { send } from './attempt.ts';
import type { Random } from './random.ts';
import { finalResult, isSuccess } from './record.ts';
import type { Attempt, RequestRecord, Result } from './record.ts';

export interface LoadOptions {
  /** Where requests go: `http://host:port` of each. */
  readonly targets: readonly string[];
  /** Requests under way at once. */
  readonly connections: number;
  readonly random: Random;
  /** The longest a replica is asked to work, in ms; the shortest is 0. */
  readonly workMs: number;
  /** Only these methods; half GET, half POST unless told otherwise. */
  readonly methods?: readonly RequestRecord['method'][];
  /** Makes the hash key of a request; a random one of many unless told otherwise. */
  readonly key?: () => string;
  /** Beside its connections, sends one request more each so many ms, whatever becomes of those before. */
  readonly alsoEveryMs?: number;
  /** How long a connection rests between two requests, in ms. */
  readonly restMs?: number;
  /** Whether a 503 is sent again, as it asks for. True unless told otherwise. */
  readonly heeds503?: boolean;
}

/** From the first sending to the last, in ms: longer than any answer of a gateway may take. */
const boundMs = 60_000;
/** The longest wait that a `Retry-After` makes, in ms; the true ones are seconds. */
const longestPauseMs = 200;

/**
 * A client that keeps its connections busy and behaves as HTTP asks of one: what was certainly not accepted
 * (a refused connection, 503) it sends again; what may have been accepted only where it is idempotent (RFC
 * 9110 9.2.2).
 */
export class Load {
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, scheduling: 'lifo' });
  readonly #records: RequestRecord[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #busy: Promise<void>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #right = 0;
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

  /** Resolves when that many more requests were answered with 2xx. */
  answered(count: number): Promise<void> {
    const goal = this.#right + count;
    return this.until(() => this.#right >= goal);
  }

  /** Resolves when it holds; looked at after each request. */
  until(holds: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!holds()) return;
      this.#listeners.delete(look);
      resolve();
    };
    this.#listeners.add(look);
    look();
    return promise;
  }

  /** Sends nothing new. @returns all requests, when the last one has ended. */
  async stop(): Promise<readonly RequestRecord[]> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await Promise.all(this.#busy);
    this.#agent.destroy();
    return this.#records;
  }

  async #keepBusy(slot: number): Promise<void> {
    const { restMs } = this.#options;
    while (!this.#stopped) {
      await this.#once(slot);
      if (restMs !== undefined) await delay(restMs);
    }
  }

  async #once(slot: number): Promise<void> {
    const record = await this.#request(slot);
    this.#records.push(record);
    if (isSuccess(finalResult(record))) this.#right += 1;
    for (const listener of this.#listeners) listener();
  }

  async #request(slot: number): Promise<RequestRecord> {
    const { targets, random, workMs, methods = ['GET', 'POST'], key } = this.#options;
    const id = randomUUID();
    const method = random.pick(methods);
    const hashKey = key?.() ?? `key-${random.between(0, 999_999)}`;
    const path = `/${id}?ms=${random.between(0, workMs)}`;
    const attempts: Attempt[] = [];
    const giveUp = now() + boundMs;
    // Each connection has a gateway of its own, and turns to the next one only where that fails.
    for (let target = slot % targets.length; ; target = (target + 1) % targets.length) {
      const sent = now();
      const result = await send({
        url: `${targets[target]}${path}`,
        method,
        headers: { 'ringpost-key': hashKey },
        body: method === 'POST' ? `order ${id}` : undefined,
        agent: this.#agent,
        timeoutMs: Math.max(1, giveUp - sent),
      });
      attempts.push({ target, sent, ended: now(), result });
      const pause = this.#pauseBeforeRetry(method, result);
      if (pause === undefined || now() + pause > giveUp) return { id, method, key: hashKey, attempts };
      await delay(pause);
    }
  }

  /**
   * @returns how long to wait before the request is sent again, in ms; undefined where it must not be or need
   * not.
   */
  #pauseBeforeRetry(method: RequestRecord['method'], result: Result): number | undefined {
    const { heeds503 = true, random } = this.#options;
    switch (result.kind) {
      case 'refused':
        return random.between(20, 100);
      case 'broken':
        return method === 'GET' ? random.between(0, 50) : undefined;
      case 'silence':
        return undefined;
      case 'answer':
        if (result.status !== 503 || !heeds503) return undefined;
        return Math.min((result.retryAfter ?? 0) * 1000, longestPauseMs) + random.between(0, 50);
      default:
        return result satisfies never;
    }
  }
}
