/** What takes jobs, as far as it can be paused. */
export interface Pausable {
  /** Takes nothing new until {@link resume}. */
  pause(): void;
  resume(): void;
}

/**
 * Whether the consumers of a worker take new jobs, those of adopted queues included. It is closed while suspects run
 * apart from other requests.
 */
export class Intake {
  readonly #consumers = new Set<Pausable>();
  #open = true;
  #reserved = false;

  /** Whether nobody runs suspects, nor is about to between two of them. */
  get free(): boolean {
    return !this.#reserved;
  }

  /** Closes the intake for one who runs suspects. */
  reserve(): void {
    this.#reserved = true;
    this.close();
  }

  /** All suspects have run. */
  release(): void {
    this.#reserved = false;
    this.reopen();
  }

  /** Pauses the consumer while the intake is closed. To be called before the consumer starts. */
  join(consumer: Pausable): void {
    this.#consumers.add(consumer);
    if (!this.#open) consumer.pause();
  }

  leave(consumer: Pausable): void {
    this.#consumers.delete(consumer);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const each of this.#consumers) each.pause();
  }

  reopen(): void {
    if (this.#open) return;
    this.#open = true;
    for (const each of this.#consumers) each.resume();
  }
}
