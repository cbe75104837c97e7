import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Arrival } from './arrivals.ts';

/** What the client saw of one request. */
export interface Answered {
  readonly arrival: Arrival;
  /** From the time at which it was to be sent to the end of the answer, in ms; undefined without a 200. */
  readonly latencyMs: number | undefined;
  /** The number of the server that answered. */
  readonly server: number | undefined;
  /** Whether the answer has `Ringpost-Spilled-From`. */
  readonly spilled: boolean;
}

export interface Observed {
  readonly answers: readonly Answered[];
  /** How much later than intended each request was sent, in ms. */
  readonly lagsMs: readonly number[];
}

/** A request that has no answer after this time has failed. */
const timeoutMs = 120_000;

/** A client that sends each request when it is due, whether or not earlier ones are answered. */
export class OpenLoopClient {
  readonly #url: string;
  /** @returns the text of a key with a number. */
  readonly #keyOf: (key: number) => string;
  // As many connections as requests are in progress.
  readonly #agent = new Agent({
    connections: null,
    pipelining: 1,
    keepAliveTimeout: 600_000,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });

  constructor(url: string, keyOf: (key: number) => string) {
    this.#url = url;
    this.#keyOf = keyOf;
  }

  /** Resolves when all requests have ended. */
  async send(arrivals: readonly Arrival[]): Promise<Observed> {
    const begun = performance.now();
    const lagsMs: number[] = [];
    const sent: Promise<Answered>[] = [];
    for (const arrival of arrivals) {
      const due = begun + arrival.atMs;
      const wait = due - performance.now();
      if (wait > 0) await delay(wait);
      lagsMs.push(performance.now() - due);
      sent.push(this.#one(arrival, due));
    }
    return { answers: await Promise.all(sent), lagsMs };
  }

  /** Asks for each key once, one after the other. @returns the server that answers each key without load. */
  async owners(keys: number): Promise<readonly number[]> {
    const owners: number[] = [-1];
    for (let key = 1; key <= keys; key += 1) {
      const { server } = await this.#one({ atMs: 0, key, workMs: 0 }, performance.now());
      if (server === undefined) throw new Error(`key ${key} has no answer without load`);
      owners.push(server);
    }
    return owners;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** Never rejects. */
  async #one(arrival: Arrival, due: number): Promise<Answered> {
    const { key, workMs } = arrival;
    try {
      const answer = await request(`${this.#url}/w/${key}?ms=${workMs.toFixed(3)}`, {
        dispatcher: this.#agent,
        headers: { 'ringpost-key': this.#keyOf(key) },
      });
      const text = await answer.body.text();
      const isRight = answer.statusCode === 200 && /^\d$/.test(text);
      return {
        arrival,
        latencyMs: isRight ? performance.now() - due : undefined,
        server: isRight ? Number(text) : undefined,
        spilled: answer.headers['ringpost-spilled-from'] !== undefined,
      };
    } catch {
      return { arrival, latencyMs: undefined, server: undefined, spilled: false };
    }
  }
}
