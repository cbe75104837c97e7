import type { StreamFrame } from './gateway-pushes.ts';
import type { Arrival } from './outgoing-stream.ts';
import type { MissingFrames } from './stream-signals.ts';

/** A frame that is in the inbox of its gateway. */
export interface SentFrame {
  /** The request's id. */
  readonly id: string;
  readonly frame: StreamFrame;
  /** The position behind the last byte of the answer that it has; infinite for the last frame of a stream. */
  readonly until: number;
  /** How many bytes of the answer it has. */
  readonly bytes: number;
  /** Of its stream: with its end, it is not needed any more. */
  readonly arrival: Arrival;
}

interface Kept extends SentFrame {
  /** When it was sent, in ms. */
  readonly at: number;
}

/** Frames of so many bytes of answers are kept. */
const maxBytes = 4 * 1024 * 1024;
/** So many frames are kept. */
const maxFrames = 10_000;
/** For so long a frame is kept, in ms: a connection that broke has been made again by then. */
const maxAgeMs = 30_000;
const expireEveryMs = 5000;

/**
 * The frames that were sent to one gateway last. The gateway takes them out of its inbox as it reads them, so
 * what was on its connection when that broke has to be sent again. Those that have arrived for certain are
 * dropped once they are the oldest ones. No gateway acknowledges short streams and last frames, so how many
 * frames, how many bytes and for how long they are kept is bounded too.
 */
export class SentFrames {
  readonly #now: () => number;
  #frames: Kept[] = [];
  /** Where the oldest one is: those before it are dropped. */
  #first = 0;
  #bytes = 0;
  #expiring: NodeJS.Timeout | undefined;

  /** @param now a clock in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many bytes of answers are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  add(sent: SentFrame): void {
    this.#frames.push({ ...sent, at: this.#now() });
    this.#bytes += sent.bytes;
    while (this.#isOldestNeedless()) this.#drop();
    this.#compact();
    this.#expiring ??= setInterval(() => this.#expire(), expireEveryMs).unref();
  }

  /** @returns the frames that have not arrived, as far as they are kept, in the order of their sending. */
  missing(missing: MissingFrames): readonly SentFrame[] {
    return this.#frames.slice(this.#first).filter(({ id, until }) => {
      if (!missing.has(id)) return false;
      const offset = missing.get(id);
      return offset === undefined || until > offset;
    });
  }

  /** Drops all frames. */
  clear(): void {
    this.#frames = [];
    this.#first = 0;
    this.#bytes = 0;
    clearInterval(this.#expiring);
    this.#expiring = undefined;
  }

  #isOldestNeedless(): boolean {
    const oldest = this.#frames[this.#first];
    if (oldest === undefined) return false;
    const isTooMuch = this.#bytes > maxBytes || this.#frames.length - this.#first > maxFrames;
    return isTooMuch || oldest.until <= oldest.arrival.offset;
  }

  #expire(): void {
    const until = this.#now() - maxAgeMs;
    for (let oldest = this.#frames[this.#first]; oldest !== undefined; oldest = this.#frames[this.#first]) {
      if (oldest.at > until) break;
      this.#drop();
    }
    if (this.#first === this.#frames.length) this.clear();
    else this.#compact();
  }

  #drop(): void {
    this.#bytes -= this.#frames[this.#first]?.bytes ?? 0;
    this.#first += 1;
  }

  /** Removes dropped frames, so seldom that it costs each frame little. */
  #compact(): void {
    if (this.#first < 64 || this.#first * 2 < this.#frames.length) return;
    this.#frames = this.#frames.slice(this.#first);
    this.#first = 0;
  }
}
