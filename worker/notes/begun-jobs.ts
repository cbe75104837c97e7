import type { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import { notingFence } from './begun-notes.ts';
import { readNotes } from './notes-files.ts';
import type { NotesPlace } from './notes-files.ts';

/** What is known of a job that a worker held when it lost its lease. */
export interface BegunJob {
  /** How often it was started, or may have been; 0 if it certainly was not. */
  readonly startCount: number;
  /** The lock that it had then. */
  readonly lock: string | null;
}

/** Finds out which jobs that must not run twice were begun by the workers that held them. */
export class BegunJobs {
  readonly #place: NotesPlace | undefined;
  readonly #replica: string;
  readonly #active: ActiveJobs;
  readonly #notes = new Map<number, ReadonlySet<string> | undefined>();

  /** @param place where the notes are; undefined to go by how often Redis gave the jobs out. */
  constructor(place: NotesPlace | undefined, replica: string, active: ActiveJobs) {
    this.#place = place;
    this.#replica = replica;
    this.#active = active;
  }

  /**
   * @param timesTaken how often Redis gave the job out, those times excluded in which it was not read. A
   * Redis that was killed may have forgotten the last one.
   */
  async find(id: string, timesTaken: number): Promise<BegunJob> {
    const lock = await this.#active.lockOf(id);
    const isNoted = this.#notesOf(notingFence(lock))?.has(id);
    if (isNoted === undefined) return { startCount: timesTaken, lock };
    return { startCount: isNoted ? Math.max(timesTaken, 1) : 0, lock };
  }

  #notesOf(fence: number | undefined): ReadonlySet<string> | undefined {
    if (this.#place === undefined || fence === undefined) return undefined;
    if (!this.#notes.has(fence)) {
      this.#notes.set(fence, readNotes(this.#place, { replica: this.#replica, fence }));
    }
    return this.#notes.get(fence);
  }
}
