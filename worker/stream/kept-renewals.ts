import type { RenewedStream } from '#shared/store/streams/kept-streams.ts';

/** Streams are renewed at least this often, in ms. */
const maxIntervalMs = 10_000;

/** Renews the TTLs of a worker's kept streams while they run, with one timer for all. */
export class KeptRenewals {
  readonly #renew: (streams: readonly RenewedStream[]) => Promise<void>;
  readonly #running = new Set<RenewedStream>();
  #timer: NodeJS.Timeout | undefined;
  #isRenewing = false;
  #intervalMs = maxIntervalMs;

  /** @param renew {@link KeptStreams.renew}. A failure is made up for by the next time. */
  constructor(renew: (streams: readonly RenewedStream[]) => Promise<void>) {
    this.#renew = renew;
  }

  /** @returns a function that ends the renewals of the stream. */
  start(stream: RenewedStream): () => void {
    this.#running.add(stream);
    const intervalMs = Math.min(maxIntervalMs, stream.keepMs / 3);
    if (this.#timer === undefined || intervalMs < this.#intervalMs) this.#start(intervalMs);
    return () => {
      this.#running.delete(stream);
      if (this.#running.size === 0) this.stop();
    };
  }

  /** Safe to call twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(intervalMs: number): void {
    this.stop();
    this.#intervalMs = intervalMs;
    this.#timer = setInterval(() => void this.#renewAll(), intervalMs);
  }

  /** Never rejects. While Redis is away, one renewal waits for it. */
  async #renewAll(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    await this.#renew([...this.#running]).catch(() => undefined);
    this.#isRenewing = false;
  }
}
