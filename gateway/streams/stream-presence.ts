import type { SignalSender } from './signal-sender.ts';

/** How often a gateway tells the workers whose streams it has that it is here, in ms. */
const presentEveryMs = 5000;

/** Counts the streams of each replica, and tells its worker regularly that their gateway is here. */
export class StreamPresence {
  readonly #gateway: string;
  readonly #signals: SignalSender;
  readonly #countOf = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param gateway the name of this gateway. */
  constructor(gateway: string, signals: SignalSender) {
    this.#gateway = gateway;
    this.#signals = signals;
  }

  /** The replicas that this gateway has streams of. */
  get replicas(): Iterable<string> {
    return this.#countOf.keys();
  }

  /** A stream of a replica has begun. */
  add(replica: string): void {
    this.#countOf.set(replica, (this.#countOf.get(replica) ?? 0) + 1);
    this.#timer ??= setInterval(() => this.#tell(), presentEveryMs);
  }

  /** A stream of a replica is over. */
  remove(replica: string): void {
    const left = (this.#countOf.get(replica) ?? 1) - 1;
    if (left > 0) {
      this.#countOf.set(replica, left);
      return;
    }
    this.#countOf.delete(replica);
    if (this.#countOf.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tell(): void {
    for (const replica of this.#countOf.keys()) this.#signals.present(replica, this.#gateway);
  }
}
