import { Problem } from '#shared/contract/errors.ts';
import type { HeldBytes } from './held-bytes.ts';

/** A client may send nothing of a body that it has begun for this long, in ms. */
export const uploadIdleMs = 30_000;
/** Uploads are looked at this often at least, in ms. */
const lookEveryMs = 1000;

/** A body that a client is sending. */
export interface Upload {
  /**
   * Counts bytes that have come.
   * @throws {Problem} `over_capacity` if the gateway holds too many.
   */
  received(bytes: number): void;
  /** The body is whole, or nobody wants it. Its bytes are not counted here any more. */
  end(): void;
}

interface Open {
  /** When something came last, by `performance.now()`. */
  heardAt: number;
  readonly onFault: (problem: Problem) => void;
}

/** The bodies that clients are sending. Bytes are counted as they arrive. A body that stalls for too long is given up. */
export class Uploads {
  readonly #held: HeldBytes;
  readonly #idleMs: number;
  readonly #open = new Set<Open>();
  #timer: NodeJS.Timeout | undefined;

  /** @param idleMs for which a client may send nothing of a body. */
  constructor(held: HeldBytes, idleMs: number = uploadIdleMs) {
    this.#held = held;
    this.#idleMs = idleMs;
  }

  /** Bodies that have begun and are not whole. */
  get size(): number {
    return this.#open.size;
  }

  /** @param onFault told if the client sends nothing for too long: `request_timeout`. */
  begin(onFault: (problem: Problem) => void): Upload {
    const open: Open = { heardAt: performance.now(), onFault };
    let counted = 0;
    this.#open.add(open);
    this.#timer ??= setInterval(() => this.#look(), Math.min(lookEveryMs, this.#idleMs / 4));
    return {
      received: (bytes) => {
        if (!this.#held.fits(bytes)) {
          const detail = `Try again later: the gateway holds ${this.#held.size} bytes of bodies already.`;
          throw new Problem('over_capacity', detail);
        }
        open.heardAt = performance.now();
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

  #look(): void {
    const before = performance.now() - this.#idleMs;
    for (const { heardAt, onFault } of this.#open) {
      if (heardAt > before) continue;
      onFault(new Problem('request_timeout', `Nothing of the body came for ${this.#idleMs} ms.`));
    }
  }
}
