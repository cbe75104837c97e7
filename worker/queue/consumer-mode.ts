/**
 * Whether a consumer takes jobs:
 *
 *   taking --pause--> paused --resume--> taking
 *   taking, paused --leave--> leaving, for good
 */
import type { JobLimit } from '#shared/store/queue/tick.ts';

type Mode = 'taking' | 'paused' | 'leaving';

/** The mode that a consumer wants, and the mode that Redis knows of. Each tick announces it. */
export class ConsumerMode {
  #wanted: Mode = 'taking';
  #known: Mode = 'taking';
  #announced: Mode = 'taking';

  /** Whether it may take jobs. */
  get takesJobs(): boolean {
    return this.#wanted === 'taking';
  }

  /** Whether Redis knows that it leaves. */
  get hasLeft(): boolean {
    return this.#known === 'leaving';
  }

  /** Whether Redis does not know the mode yet. */
  get isUnannounced(): boolean {
    return this.#wanted !== this.#known;
  }

  pause(): void {
    if (this.#wanted === 'taking') this.#wanted = 'paused';
  }

  resume(): void {
    if (this.#wanted === 'paused') this.#wanted = 'taking';
  }

  leave(): void {
    this.#wanted = 'leaving';
  }

  /** @returns what the next tick announces. */
  jobLimit(concurrency: number): JobLimit {
    this.#announced = this.#wanted;
    if (this.hasLeft) return 'left';
    return this.#announced === 'taking' ? concurrency : this.#announced;
  }

  /** Redis has taken the last announcement. */
  acknowledge(): void {
    this.#known = this.#announced;
  }
}
