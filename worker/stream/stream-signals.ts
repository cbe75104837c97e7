/**
 * What gateways tell the streams of one queue, and what their silence means. A message can be lost while the
 * connection is down. So a gateway counts as gone only after it has said nothing for a while during which
 * messages would have arrived, and after each new subscription every stream asks for its credit.
 */
import { decodeSignals } from '#shared/contract/stream-signal.ts';

/** A live stream, as signals reach it. */
export interface SignalledStream {
  /** The request's id. */
  readonly id: string;
  readonly gateway: string;
  /** Whether it can send nothing until it gets more credit. */
  readonly isBlocked: boolean;
  /** Whether its head is not in the inbox yet, so that its gateway cannot know of it. */
  readonly isOpening: boolean;
  /** The gateway has granted what is before this offset. */
  grant(offset: number): void;
  /** Tells the gateway that it waits for credit. The answer is a grant, or a cancel if it is not known. */
  askForCredit(): void;
  /** Nobody wants the answer any more. */
  cancel(why: 'client' | 'gateway'): void;
}

/**
 * The offset up to which each of some answers has arrived, by the ids of their requests; undefined if not
 * even the head has.
 */
export type MissingFrames = ReadonlyMap<string, number | undefined>;

/** A gateway that has said nothing for so long is gone, in ms. It says that it is here every 5 s. */
const silentMs = 15_000;
/** Between two checks in ms, at most. If it is more, the worker was frozen or busy, and has read nothing. */
const maxCheckMs = 3000;

interface KnownGateway {
  readonly streams: Set<SignalledStream>;
  heardAt: number;
}

/** Times are in ms, from a clock that never goes back. */
export class StreamSignals {
  readonly #fence: number;
  readonly #sendAgain: (missing: MissingFrames) => void;
  readonly #streams = new Map<string, SignalledStream>();
  readonly #gateways = new Map<string, KnownGateway>();
  #isSubscribed = false;
  #checkedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param fence that of the lease under which the streams are sent.
   * @param sendAgain sends frames again that have not arrived, also those of streams that are over.
   */
  constructor(fence: number, sendAgain: (missing: MissingFrames) => void) {
    this.#fence = fence;
    this.#sendAgain = sendAgain;
  }

  /** How many streams there are. */
  get size(): number {
    return this.#streams.size;
  }

  /** Call it before the head of the stream is sent: its gateway may answer at once. */
  add(stream: SignalledStream, now: number): void {
    const { id, gateway } = stream;
    this.#streams.set(id, stream);
    const known = this.#gateways.get(gateway);
    if (known === undefined) {
      this.#gateways.set(gateway, { streams: new Set([stream]), heardAt: now });
      return;
    }
    known.streams.add(stream);
    // It had no stream to speak of, or the cancel of an earlier one was lost.
    known.heardAt = now;
  }

  /** The head of the stream is in the inbox: its gateway tells from now on that it is there. */
  opened({ gateway }: SignalledStream, now: number): void {
    this.#hear(gateway, now);
  }

  /** The stream is over. Does nothing if it is not known. */
  remove(stream: SignalledStream): void {
    if (this.#streams.get(stream.id) === stream) this.#streams.delete(stream.id);
    const known = this.#gateways.get(stream.gateway);
    known?.streams.delete(stream);
    if (known?.streams.size === 0) this.#gateways.delete(stream.gateway);
  }

  /** Takes a message of the channel. */
  receive(message: string, now: number): void {
    const missing = new Map<string, number | undefined>();
    for (const signal of decodeSignals(message)) {
      if (signal.kind === 'present') {
        this.#hear(signal.gateway, now);
        continue;
      }
      if (signal.kind === 'missing') {
        missing.set(signal.id, signal.offset);
        continue;
      }
      if (signal.fence !== this.#fence) continue;
      const stream = this.#streams.get(signal.id);
      if (stream === undefined) continue;
      this.#hear(stream.gateway, now);
      if (signal.kind === 'grant') stream.grant(signal.offset);
      else stream.cancel('client');
    }
    if (missing.size > 0) this.#sendAgain(missing);
  }

  /** Messages arrive from now on. What was sent before may be lost. */
  subscribed(now: number): void {
    this.#isSubscribed = true;
    this.#checkedAt = now;
    for (const known of this.#gateways.values()) known.heardAt = now;
    for (const stream of this.#copy()) stream.askForCredit();
  }

  /** No message arrives until the next {@link subscribed}. */
  unsubscribed(): void {
    this.#isSubscribed = false;
  }

  /** Call it every second. Blocked streams ask again, and those of gateways that are gone are cancelled. */
  check(now: number): void {
    this.#passOver(now);
    for (const stream of this.#copy()) {
      const known = this.#gateways.get(stream.gateway);
      if (stream.isOpening) continue;
      if (this.#isSubscribed && known !== undefined && now - known.heardAt >= silentMs) {
        stream.cancel('gateway');
      } else if (stream.isBlocked) {
        stream.askForCredit();
      }
    }
  }

  #hear(gateway: string, now: number): void {
    const known = this.#gateways.get(gateway);
    if (known !== undefined) known.heardAt = now;
  }

  /** Leaves out the time in which the worker was frozen or busy. */
  #passOver(now: number): void {
    const missedMs = now - this.#checkedAt - maxCheckMs;
    this.#checkedAt = now;
    if (!(missedMs > 0 && Number.isFinite(missedMs))) return;
    for (const known of this.#gateways.values()) known.heardAt = Math.min(now, known.heardAt + missedMs);
  }

  /** A stream may leave while it is told something. */
  #copy(): readonly SignalledStream[] {
    return [...this.#streams.values()];
  }
}
