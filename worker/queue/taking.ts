/**
 * Whether a consumer takes jobs:
 *
 *   taking --pause--> paused --resume--> taking
 *   taking, paused --leave--> leaving, for good
 */
import { isPaused, leavesNow, takesNothing } from './tick.ts';

type Mode = 'taking' | 'paused' | 'leaving';

/** What a consumer wants to do, and what Redis knows of it: each tick says it. */
export class Taking {
  #wanted: Mode = 'taking';
  #told: Mode = 'taking';
  #saying: Mode = 'taking';

  /** Whether it may take jobs. */
  get on(): boolean {
    return this.#wanted === 'taking';
  }

  /** Whether Redis knows that it is leaving. */
  get left(): boolean {
    return this.#told === 'leaving';
  }

  /** Whether Redis is yet to be told. */
  get untold(): boolean {
    return this.#wanted !== this.#told;
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

  /** @returns what the next tick says of how many jobs may be in hand. */
  word(concurrency: number): number {
    this.#saying = this.#wanted;
    if (this.left) return takesNothing;
    if (this.#saying === 'leaving') return leavesNow;
    return this.#saying === 'paused' ? isPaused : concurrency;
  }

  /** Redis has heard the last word. */
  heard(): void {
    this.#told = this.#saying;
  }
}
