import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { http } from '#shared/contract/node-http.ts';

/** Programs that listen on `localhost` may have only one of these. */
const hosts = ['127.0.0.1', '::1'] as const;
/** How often a program is asked whether it is ready, in ms. */
const everyMs = 25;
/** Time in ms in which a program has to answer the path that says whether it is ready. */
const answerMs = 5000;

const nothingListens = 'nothing listens on that port';

/** Finds out when a program is ready to serve requests. */
export class Readiness {
  readonly #port: number;
  readonly #path: string | undefined;
  #state = nothingListens;

  /**
   * @param path that the program answers with 2xx or 3xx once it is ready. Without one, it is ready when it
   * accepts a connection.
   */
  constructor(port: number, path: string | undefined) {
    this.#port = port;
    this.#path = path;
  }

  /** Why the program is not ready, as far as that is known. */
  get state(): string {
    return this.#state;
  }

  /**
   * @returns the address on which the program is ready.
   * @throws the signal's reason when it fires.
   */
  async wait(signal: AbortSignal): Promise<string> {
    for (;;) {
      for (const host of hosts) if (await this.#isReady(host, signal)) return host;
      await delay(everyMs, undefined, { signal });
    }
  }

  async #isReady(host: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#path === undefined) return accepts(host, this.#port, signal);
    const status = await statusOf(host, this.#port, this.#path, signal);
    if (status === undefined) return false;
    // A question that the signal has cut short says less than what is known from those before.
    if (status === 'none' && signal.aborted && this.#state !== nothingListens) return false;
    this.#state = status === 'none' ? `${this.#path} is not answered` : `${this.#path} is answered ${status}`;
    return status !== 'none' && status >= 200 && status < 400;
  }
}

/** @returns whether something accepts a connection. */
function accepts(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal });
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** @returns the status of the answer to a GET; `none` if there is none; undefined if nothing listens. */
function statusOf(
  host: string,
  port: number,
  path: string,
  signal: AbortSignal,
): Promise<number | 'none' | undefined> {
  return new Promise((resolve) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    const request = http.get({ host, port, path, agent: false, signal: limit }, (answer: IncomingMessage) => {
      resolve(answer.statusCode ?? 'none');
      answer.destroy();
    });
    let connected = false;
    request.once('socket', (socket) => socket.once('connect', () => (connected = true)));
    request.once('error', () => resolve(connected ? 'none' : undefined));
  });
}
