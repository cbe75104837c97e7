import { Problem } from '#shared/contract/errors.ts';
import type { HeldBytes } from './held-bytes.ts';

/** How long a client may send nothing of a body that it has started, in ms. */
export const uploadIdleMs = 30_000;
/** Uploads are checked at least this often, in ms. */
const checkIntervalMs = 1000;

/** A body that a client is sending. */
export interface Upload {
  /**
   * Counts bytes that have arrived.
   * @throws {Problem} `over_capacity` if the gateway holds too many.
   */
  received(bytes: number): void;
  /** The body is complete, or no longer wanted. Its bytes are no longer counted here. */
  end(): void;
}

interface Open {
  /** When bytes last arrived, on the `performance.now()` clock. */
  receivedAt: number;
  readonly onFault: (problem: Problem) => void;
}

/**
 * The bodies that clients are sending. Bytes are counted as they arrive. A body that stalls for too long is
 * refused.
 */
export class Uploads {
  readonly #held: HeldBytes;
  readonly #idleMs: number;
  readonly #open = new Set<Open>();
  #timer: NodeJS.Timeout | undefined;

  /** @param idleMs how long a client may send nothing of a body. */
  constructor(held: HeldBytes, idleMs: number = uploadIdleMs) {
    this.#held = held;
    this.#idleMs = idleMs;
  }

  /** The number of bodies that are not complete. */
  get size(): number {
    return this.#open.size;
  }

  /** @param onFault called with `request_timeout` if the client sends nothing for too long. */
  start(onFault: (problem: Problem) => void): Upload {
    const open: Open = { receivedAt: performance.now(), onFault };
    let counted = 0;
    this.#open.add(open);
    this.#timer ??= setInterval(() => this.#check(), Math.min(checkIntervalMs, this.#idleMs / 4));
    return {
      received: (bytes) => {
        if (!this.#held.fits(bytes)) {
          const detail = `Try again later: the gateway holds ${this.#held.size} bytes of bodies already.`;
          throw new Problem('over_capacity', detail);
        }
        open.receivedAt = performance.now();
        counted += bytes;
        this.#held.takeRequest(bytes);
      },
      end: () => {
        if (!this.#open.delete(open)) return;
        this.#held.giveRequest(counted);
        if (this.#open.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  #check(): void {
    const before = performance.now() - this.#idleMs;
    for (const { receivedAt, onFault } of this.#open) {
      if (receivedAt > before) continue;
      onFault(new Problem('request_timeout', `No part of the body arrived for ${this.#idleMs} ms.`));
    }
  }
}
