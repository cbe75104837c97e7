import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import type { Logger } from '#shared/process/logger.ts';

export interface SignalSenderOptions {
  /** Publishes a message on the channel of a replica. */
  readonly announce: (replica: string, signals: readonly StreamSignal[]) => Promise<void>;
  readonly log: Logger;
}

/** Messages are at least this far apart, in ms. */
const apartMs = 5;
/** A worker that goes on sending a stream that nobody wants is told so again after this time, in ms. */
const cancelAgainMs = 1000;

/**
 * Tells workers about the streams that they send. The signals of a turn of the event loop for one replica are
 * one message, or those of 5 ms if the last message was sent just before: a lone large answer does not wait
 * for its credit. A message may get lost: then the worker asks again.
 */
export class SignalSender {
  readonly #options: SignalSenderOptions;
  /** The signals of each replica that are to be sent, by what they are about: only the last one counts. */
  readonly #collected = new Map<string, Map<string, StreamSignal>>();
  /** When each stream was cancelled, on the `performance.now()` clock, the oldest first. */
  readonly #cancelled = new Map<string, number>();
  /** When messages were sent last, on the same clock. */
  #sentAt = Number.NEGATIVE_INFINITY;

  constructor(options: SignalSenderOptions) {
    this.#options = options;
  }

  /** The worker may send up to this offset. */
  grant(replica: string, fence: number, offset: number, id: string): void {
    this.#add(replica, id, { kind: 'grant', fence, offset, id });
  }

  /** Nobody wants the stream any more. */
  cancel(replica: string, fence: number, id: string): void {
    const stream = `${fence} ${id}`;
    this.#forgetCancelled();
    this.#cancelled.delete(stream);
    this.#cancelled.set(stream, performance.now());
    this.#add(replica, stream, { kind: 'cancel', fence, id });
  }

  /** The same, unless the worker was told within the last second. */
  cancelAgain(replica: string, fence: number, id: string): void {
    this.#forgetCancelled();
    if (!this.#cancelled.has(`${fence} ${id}`)) this.cancel(replica, fence, id);
  }

  /**
   * Frames behind this offset may be lost, and are to be sent again.
   * @param offset undefined if not even the head has arrived.
   */
  missing(replica: string, id: string, offset: number | undefined): void {
    this.#add(replica, `missing ${id}`, { kind: 'missing', offset, id });
  }

  /** The gateway is here, and has streams of this replica. */
  present(replica: string, gateway: string): void {
    this.#add(replica, '', { kind: 'present', gateway });
  }

  #add(replica: string, about: string, signal: StreamSignal): void {
    if (this.#collected.size === 0) this.#sendSoon();
    let signals = this.#collected.get(replica);
    if (signals === undefined) {
      signals = new Map();
      this.#collected.set(replica, signals);
    }
    signals.set(about, signal);
  }

  #sendSoon(): void {
    const leftMs = this.#sentAt + apartMs - performance.now();
    if (leftMs <= 0) setImmediate(() => this.#send());
    else setTimeout(() => this.#send(), leftMs);
  }

  #send(): void {
    const { announce, log } = this.#options;
    this.#sentAt = performance.now();
    const all = [...this.#collected];
    this.#collected.clear();
    for (const [replica, signals] of all) {
      announce(replica, [...signals.values()]).catch((error: unknown) => {
        log.debug({ err: error, replica }, 'a worker could not be told about its streams');
      });
    }
  }

  #forgetCancelled(): void {
    const until = performance.now() - cancelAgainMs;
    for (const [stream, at] of this.#cancelled) {
      if (at > until) return;
      this.#cancelled.delete(stream);
    }
  }
}
