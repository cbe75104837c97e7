import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { Log } from '#shared/process/logger.ts';
import { notesFile, notesHead } from './notes-files.ts';
import type { NotesPlace } from './notes-files.ts';

/** How a worker notes the requests that it begins. */
export interface Noting {
  readonly place: NotesPlace;
  /** The ids of the requests that it runs, those whose answers are streams included. */
  readonly running: () => Iterable<string>;
  /** The TTL of the lease in ms. */
  readonly leaseMs: number;
}

export interface BegunNotesOptions {
  /** Undefined if the worker notes nothing. */
  readonly noting: Noting | undefined;
  /** By which the worker serves the queue, once it is taken. */
  readonly lease: Fenced;
  /** The ids of the jobs that the consumer holds, those included whose ends Redis does not know yet. */
  readonly held: () => Iterable<string>;
  readonly log: Log;
}

/**
 * A worker that freezes has read no more requests than came in this time after its last tick, in ms. With a
 * short lease it is a quarter of that.
 */
const maxWindowMs = 250;
/** Nothing is announced if no request was noted for this time, in ms: plain requests pay for no command. */
const recentMs = 2000;
/** A file is replaced at this size in bytes, or if it is this old in ms. */
const maxBytes = 4 << 20;
const maxAgeMs = 30_000;

/**
 * Notes the ids of requests that must not run twice before they begin, in files in memory, which a killed
 * worker leaves behind (ADR 0070). The worker that reclaims its jobs on the same host reads them: a request
 * that is not there was not begun.
 *
 * A request must be noted before the last check of the lease. If the lease is ours then, whoever takes it
 * next reads the note; if it is not, the request is not begun.
 *
 * Two files are kept. The newer one has what the worker held when the file was made, and all that came after
 * that. So an id stays for half a minute after its end, for a Redis that is killed and forgets the end.
 */
export class BegunNotes {
  readonly #options: BegunNotesOptions;
  readonly #uuid = randomUUID();
  #file: number | undefined;
  #at = 0;
  #bytes = 0;
  #since = 0;
  #lastNoted = Number.NEGATIVE_INFINITY;

  constructor(options: BegunNotesOptions) {
    this.#options = options;
  }

  /** Begins the first file. Without one, nothing is noted. */
  open(): void {
    if (this.#options.noting === undefined) return;
    try {
      this.#replace([]);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Whether requests are noted. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** For how long after a tick requests that must not run twice may be delivered directly, in ms. */
  get windowMs(): number {
    const { noting } = this.#options;
    const isNeeded = this.isOpen && performance.now() - this.#lastNoted < recentMs;
    return noting === undefined || !isNeeded ? 0 : Math.ceil(Math.min(maxWindowMs, noting.leaseMs / 4));
  }

  /** The token of the locks on the worker's jobs. It says whose notes tell whether a job was begun. */
  get token(): string {
    const { noting, lease } = this.#options;
    return noting === undefined ? this.#uuid : `${prefix}${lease.fence}:${this.#uuid}`;
  }

  /**
   * Notes requests, in one write.
   * @throws if that fails and the files cannot be removed either. Then the process must end.
   */
  note(ids: readonly string[]): void {
    if (this.#file === undefined || ids.length === 0) return;
    this.#lastNoted = performance.now();
    try {
      const isOld = this.#bytes > maxBytes || performance.now() - this.#since > maxAgeMs;
      if (isOld) this.#replace([...this.#heldOrRunning(), ...ids]);
      else this.#write(this.#file, linesOf(ids));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** Removes the files. Call it once nothing is held. */
  close(): void {
    this.leave();
    // The newest one has all that is held, so it is never missing while an older one is there.
    for (const at of [this.#at - 2, this.#at - 1, this.#at]) this.#remove(at);
  }

  /** Leaves the files to the next worker. Nothing may begin after this. */
  leave(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** A request whose answer is a stream is not held, and may be reclaimed too. */
  #heldOrRunning(): readonly string[] {
    const { held, noting } = this.#options;
    return [...held(), ...(noting?.running() ?? [])];
  }

  #replace(ids: readonly string[]): void {
    const file = openSync(this.#path(this.#at + 1), 'wx', 0o600);
    this.#at += 1;
    const before = this.#file;
    this.#file = file;
    if (before !== undefined) closeSync(before);
    this.#bytes = 0;
    this.#since = performance.now();
    this.#write(file, notesHead() + linesOf(ids));
    this.#remove(this.#at - 2);
  }

  /** An id is plain text of one byte each. */
  #write(file: number, text: string): void {
    const written = writeSync(file, text);
    if (written !== text.length) throw new Error('the file system took a part of a note');
    this.#bytes += written;
  }

  /** Whoever finds no file takes all requests of this worker for begun. */
  #giveUp(error: unknown): void {
    this.#options.log.warn({ err: error }, 'it is no longer noted which requests begin');
    // Without its first line a file cannot be read.
    if (this.#file !== undefined) ftruncateSync(this.#file);
    this.close();
  }

  #remove(at: number): void {
    if (at < 1) return;
    try {
      unlinkSync(this.#path(at));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }

  #path(at: number): string {
    const { noting, lease } = this.#options;
    if (noting === undefined) throw new Error('there is no place for notes');
    return notesFile(noting.place, lease, at);
  }
}

const prefix = 'noted:';

/**
 * @param token of the lock on a job.
 * @returns the fence of the worker that was given the job; undefined if that worker does not note.
 */
export function notingFence(token: string | null): number | undefined {
  const fence = /^noted:(\d+):/.exec(token ?? '')?.[1];
  return fence === undefined ? undefined : Number(fence);
}

function linesOf(ids: readonly string[]): string {
  return ids.length === 0 ? '' : `${ids.join('\n')}\n`;
}
