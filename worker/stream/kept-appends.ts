/**
 * Appends to the kept streams of a worker's queue, those of all streams in one write. What is due is written
 * at the end of the turn, but 5 ms after the last write at the earliest, unless that had a long entry. One
 * write is under way at a time, with one entry of each stream: if Redis refuses it for now, no later one has
 * taken its place when it is sent again. It is always in one of these states:
 *
 *   idle --an entry is ready--> due --the turn, or the 5 ms, are over--> writing
 *   writing --Redis has answered--> due if an entry is ready, else idle
 *   writing --Redis refuses--> refused --100 ms are over--> writing, the same entries
 *   any --stop--> stopped
 */
import type { Append } from '#shared/store/streams/kept-streams.ts';

/** A stream with entries. */
export interface AppendingStream {
  /** Takes the next entry, which is to be appended now. @returns undefined if there is none. */
  take(): Append | undefined;
  /** @param isKept whether the stream has the entry; if not, a part of the stream is lost. */
  appended(append: Append, isKept: boolean): void;
}

/** How often Redis is written to, in ms. */
const intervalMs = 5;
/** How long it is left alone after it has refused entries, in ms. */
const refusedMs = 100;
/** One write has at most this many bytes and one entry more. */
const maxWriteBytes = 512 * 1024;
/** After an entry of so many bytes the next ones are written at once. */
const longEntryBytes = 32 * 1024;

type State = 'idle' | 'due' | 'writing' | 'refused' | 'stopped';

export class KeptAppends {
  readonly #append: (appends: readonly Append[]) => Promise<readonly boolean[]>;
  readonly #onRefused: (error: unknown) => void;
  #state: State = 'idle';
  /** Those with entries, in their turn. */
  readonly #ready = new Set<AppendingStream>();
  /** When the next write is due at the earliest. */
  #nextAt = Number.NEGATIVE_INFINITY;
  #cancelWait: () => void = () => undefined;

  /**
   * @param append {@link KeptStreams.append}.
   * @param onRefused told each time that Redis refuses.
   */
  constructor(
    append: (appends: readonly Append[]) => Promise<readonly boolean[]>,
    onRefused: (error: unknown) => void,
  ) {
    this.#append = append;
    this.#onRefused = onRefused;
  }

  /** A stream has an entry. Safe to call again before it is taken. */
  ready(stream: AppendingStream): void {
    if (this.#state === 'stopped') return;
    this.#ready.add(stream);
    if (this.#state === 'idle') this.#wait();
  }

  /** Nothing more is written. What is under way may still arrive. */
  stop(): void {
    this.#state = 'stopped';
    this.#ready.clear();
    this.#cancelWait();
  }

  #wait(): void {
    this.#state = 'due';
    const leftMs = this.#nextAt - performance.now();
    if (leftMs > 0) {
      const timer = setTimeout(() => this.#writeNext(), leftMs);
      this.#cancelWait = () => clearTimeout(timer);
    } else {
      const turn = setImmediate(() => this.#writeNext());
      this.#cancelWait = () => clearImmediate(turn);
    }
  }

  #writeNext(): void {
    const taken = this.#take();
    if (taken.length > 0) this.#write(taken);
    else this.#state = 'idle';
  }

  /** Takes an entry of each stream, as many as a write may have. Those of the others come first next time. */
  #take(): (readonly [AppendingStream, Append])[] {
    const taken: (readonly [AppendingStream, Append])[] = [];
    const present = Array.from(this.#ready);
    let bytes = 0;
    for (const stream of present) {
      if (bytes >= maxWriteBytes) break;
      this.#ready.delete(stream);
      const append = stream.take();
      if (append === undefined) continue;
      this.#ready.add(stream);
      taken.push([stream, append]);
      bytes += append.bytes.length;
    }
    return taken;
  }

  #write(taken: readonly (readonly [AppendingStream, Append])[]): void {
    this.#state = 'writing';
    const isBusy = taken.some(([, { bytes }]) => bytes.length >= longEntryBytes);
    this.#nextAt = isBusy ? Number.NEGATIVE_INFINITY : performance.now() + intervalMs;
    this.#append(taken.map(([, append]) => append)).then(
      (kept) => this.#written(taken, kept),
      (error: unknown) => this.#refuse(taken, error),
    );
  }

  #written(taken: readonly (readonly [AppendingStream, Append])[], kept: readonly boolean[]): void {
    for (const [at, [stream, append]] of taken.entries()) stream.appended(append, kept[at] === true);
    if (this.#state === 'stopped') return;
    if (this.#ready.size > 0) this.#wait();
    else this.#state = 'idle';
  }

  #refuse(taken: readonly (readonly [AppendingStream, Append])[], error: unknown): void {
    if (this.#state === 'stopped') return;
    this.#onRefused(error);
    this.#state = 'refused';
    const timer = setTimeout(() => this.#write(taken), refusedMs);
    this.#cancelWait = () => clearTimeout(timer);
  }
}
