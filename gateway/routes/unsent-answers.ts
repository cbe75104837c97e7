import type { ServerResponse } from 'node:http';
import { peerAddress } from '#shared/contract/ip-address.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import type { UnsentWatch, UnsentWatcher } from '../streams/client-stream.ts';

export interface UnsentAnswersOptions {
  readonly held: HeldBytes;
  /** How long a client may read nothing of its answer, in ms. */
  readonly sendTimeoutMs: number;
  readonly log: Logger;
}

interface Unsent {
  readonly response: ServerResponse;
  /** Disconnects the client. */
  readonly close: () => void;
  /** When the client last read something, on the `performance.now()` clock. */
  progressAt: number;
}

/** A body is written in parts of this many bytes, which shows whether its client reads any of it. */
const partBytes = 64 * 1024;
/** Clients are checked at least this often, in ms. */
const checkIntervalMs = 1000;

/**
 * The answers that clients have not read completely. Their bytes are held, and a client that reads nothing
 * for too long is disconnected. Most answers are sent at once and are never here.
 */
export class UnsentAnswers implements UnsentWatcher {
  readonly #options: UnsentAnswersOptions;
  readonly #unsent = new Set<Unsent>();
  readonly #warning: SparseWarning;
  #timer: NodeJS.Timeout | undefined;
  #closedCount = 0;

  constructor(options: UnsentAnswersOptions) {
    this.#options = options;
    this.#warning = new SparseWarning(
      options.log,
      'a client read nothing of its answer and was disconnected',
    );
  }

  /** The number of clients that were disconnected because they read nothing. */
  get closedCount(): number {
    return this.#closedCount;
  }

  /** The number of answers that are being sent. */
  get size(): number {
    return this.#unsent.size;
  }

  /** Writes the body of a response whose head is written, and ends it. */
  end(response: ServerResponse, body: Uint8Array): void {
    if (body.length <= partBytes) response.end(body);
    else this.#endInParts(response, body);
    if (response.writableLength === 0 || response.closed) return;
    const { held } = this.#options;
    held.takeAnswer(body.length);
    const stop = this.watch(response);
    response.once('close', () => {
      stop();
      held.giveAnswer(body.length);
    });
  }

  /**
   * Disconnects the client of a response if it reads nothing for too long.
   * @returns a function that ends the watch.
   */
  watch(response: ServerResponse): () => void {
    const { progress, stop } = this.follow(response, () => void response.destroy());
    response.on('drain', progress);
    return () => {
      response.off('drain', progress);
      stop();
    };
  }

  /**
   * The same for an answer whose writer says when the client has read something.
   * @param close called if the client reads nothing for too long: disconnects it.
   */
  follow(response: ServerResponse, close: () => void): UnsentWatch {
    const unsent: Unsent = { response, close, progressAt: performance.now() };
    this.#unsent.add(unsent);
    this.#timer ??= setInterval(
      () => this.#check(),
      Math.min(checkIntervalMs, this.#options.sendTimeoutMs / 4),
    );
    return {
      progress: () => void (unsent.progressAt = performance.now()),
      stop: () => {
        this.#unsent.delete(unsent);
        if (this.#unsent.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  #endInParts(response: ServerResponse, body: Uint8Array): void {
    let at = 0;
    const write = (): void => {
      while (body.length - at > partBytes) {
        const part = body.subarray(at, at + partBytes);
        at += partBytes;
        if (!response.write(part)) return;
      }
      response.off('drain', write);
      response.end(body.subarray(at));
    };
    response.on('drain', write);
    write();
  }

  #check(): void {
    const now = performance.now();
    for (const unsent of this.#unsent) {
      const { response } = unsent;
      if (response.writableLength === 0) unsent.progressAt = now;
      if (now - unsent.progressAt < this.#options.sendTimeoutMs) continue;
      this.#closedCount += 1;
      const { socket, writableLength: bytes } = response;
      this.#warning.warn({ address: socket === null ? '' : peerAddress(socket), bytes });
      unsent.close();
    }
  }
}
