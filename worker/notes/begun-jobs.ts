import { notingFence } from './begun-notes.ts';
import { readNotes } from './notes-files.ts';
import type { NotesPlace } from './notes-files.ts';

/** Finds out which jobs that must not run twice were begun by the workers that held them. */
export class BegunJobs {
  readonly #place: NotesPlace | undefined;
  readonly #replica: string;
  readonly #notes = new Map<number, ReadonlySet<string> | undefined>();

  /** @param place where the notes are; undefined to go by how often Redis gave the jobs out. */
  constructor(place: NotesPlace | undefined, replica: string) {
    this.#place = place;
    this.#replica = replica;
  }

  /**
   * @param timesTaken how often Redis gave the job out, those times excluded in which it was not read. A
   * Redis that was killed may have forgotten the last one.
   * @param lock that the job has.
   * @returns how often it was started, or may have been; 0 if it certainly was not.
   */
  startCount(id: string, timesTaken: number, lock: string | null): number {
    const isNoted = this.#notesOf(notingFence(lock))?.has(id);
    if (isNoted === undefined) return timesTaken;
    return isNoted ? Math.max(timesTaken, 1) : 0;
  }

  #notesOf(fence: number | undefined): ReadonlySet<string> | undefined {
    if (this.#place === undefined || fence === undefined) return undefined;
    if (!this.#notes.has(fence)) {
      this.#notes.set(fence, readNotes(this.#place, { replica: this.#replica, fence }));
    }
    return this.#notes.get(fence);
  }
}
