import type { ServerResponse } from 'node:http';
import { peerAddress } from '#shared/contract/ip-address.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';

export interface UnsentAnswersOptions {
  readonly held: HeldBytes;
  /** Time in ms for which a client may take nothing of its answer. */
  readonly sendTimeoutMs: number;
  readonly log: Logger;
}

interface Unsent {
  readonly response: ServerResponse;
  /** When the client last took something, by `performance.now()`. */
  progressAt: number;
}

/** A body is written in parts of this many bytes, so that it shows whether its client takes any. */
const partBytes = 64 * 1024;
/** Clients are looked at this often at least, in ms. */
const lookEveryMs = 1000;

/**
 * The answers that clients have not taken yet. Their bytes are held, and a client that takes nothing for too long is
 * disconnected. An answer that goes out at once, as most do, is none of them.
 */
export class UnsentAnswers {
  readonly #options: UnsentAnswersOptions;
  readonly #unsent = new Set<Unsent>();
  readonly #closed: SparseWarning;
  #timer: NodeJS.Timeout | undefined;
  #closedCount = 0;

  constructor(options: UnsentAnswersOptions) {
    this.#options = options;
    this.#closed = new SparseWarning(options.log, 'a client took nothing of its answer and was disconnected');
  }

  /** Clients that were disconnected since they took nothing. */
  get closedCount(): number {
    return this.#closedCount;
  }

  /** Answers that are on their way. */
  get size(): number {
    return this.#unsent.size;
  }

  /** Ends a response with a body, whose head is written. */
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
   * Disconnects the client of a response once it takes nothing of what is written for too long.
   * @returns ends that.
   */
  watch(response: ServerResponse): () => void {
    const unsent: Unsent = { response, progressAt: performance.now() };
    const progress = (): void => void (unsent.progressAt = performance.now());
    response.on('drain', progress);
    this.#unsent.add(unsent);
    this.#timer ??= setInterval(() => this.#look(), Math.min(lookEveryMs, this.#options.sendTimeoutMs / 4));
    return () => {
      response.off('drain', progress);
      this.#unsent.delete(unsent);
      if (this.#unsent.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
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

  #look(): void {
    const now = performance.now();
    for (const unsent of this.#unsent) {
      const { response } = unsent;
      if (response.writableLength === 0) unsent.progressAt = now;
      if (now - unsent.progressAt < this.#options.sendTimeoutMs) continue;
      this.#closedCount += 1;
      const { socket, writableLength: bytes } = response;
      this.#closed.warn({ address: socket === null ? '' : peerAddress(socket), bytes });
      response.destroy();
    }
  }
}
