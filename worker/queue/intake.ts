/** A consumer, as far as it can be paused. */
export interface Pausable {
  /** Takes nothing new until {@link resume}. */
  pause(): void;
  resume(): void;
}

/**
 * Whether the consumers of a worker take new jobs, those of adopted queues included. The intake is closed
 * while suspects run isolated from other requests.
 */
export class Intake {
  readonly #consumers = new Set<Pausable>();
  #open = true;
  #reserved = false;

  /** Whether no suspects run, and none are about to. */
  get free(): boolean {
    return !this.#reserved;
  }

  /** Closes the intake for suspects. */
  reserve(): void {
    this.#reserved = true;
    this.close();
  }

  /** All suspects have run. */
  release(): void {
    this.#reserved = false;
    this.reopen();
  }

  /** Adds a consumer, which has not started yet. It is paused while the intake is closed. */
  join(consumer: Pausable): void {
    this.#consumers.add(consumer);
    if (!this.#open) consumer.pause();
  }

  leave(consumer: Pausable): void {
    this.#consumers.delete(consumer);
  }

  /** Pauses all consumers. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const each of this.#consumers) each.pause();
  }

  /** Lets all consumers take jobs again. */
  reopen(): void {
    if (this.#open) return;
    this.#open = true;
    for (const each of this.#consumers) each.resume();
  }
}
