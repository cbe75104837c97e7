export interface MissingFramesOptions {
  /** Asks the worker of a request to send again what has not arrived. */
  readonly ask: (id: string) => void;
  /** The worker has not sent it in time. */
  readonly giveUp: (id: string) => void;
  /** How long the frames may be missing, in ms. */
  readonly giveUpMs: number;
}

/** How often a worker is asked, in ms: the question or the answer may be lost too. */
const askEveryMs = 1000;

/** The requests of which frames are missing, while their workers are asked for them. */
export class MissingFrames {
  readonly #options: MissingFramesOptions;
  /** When the frames of each request were first missing, on the `performance.now()` clock. */
  readonly #since = new Map<string, number>();
  #asking: NodeJS.Timeout | undefined;

  constructor(options: MissingFramesOptions) {
    this.#options = options;
  }

  /** Frames of a request are missing. Its worker is asked at once, unless it is known already. */
  add(id: string): void {
    if (this.#since.has(id)) return;
    const { giveUpMs, ask } = this.#options;
    this.#since.set(id, performance.now());
    this.#asking ??= setInterval(() => this.#check(), Math.min(askEveryMs, giveUpMs)).unref();
    ask(id);
  }

  /** What was missing has arrived, or is no longer wanted. Does nothing if nothing was missing. */
  remove(id: string): void {
    if (!this.#since.delete(id) || this.#since.size > 0) return;
    clearInterval(this.#asking);
    this.#asking = undefined;
  }

  #check(): void {
    const { giveUpMs, ask, giveUp } = this.#options;
    const until = performance.now() - giveUpMs;
    for (const [id, since] of this.#since) {
      if (since > until) {
        ask(id);
        continue;
      }
      this.remove(id);
      giveUp(id);
    }
  }
}
