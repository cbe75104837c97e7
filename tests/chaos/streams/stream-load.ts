import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventBytes, eventsInPeriod } from '../../fixtures/pattern.ts';
import { now } from '../clock.ts';
import type { Random } from '../random.ts';
import { followKept } from './kept-stream.ts';
import { readStream } from './stream-reader.ts';
import type { Manner } from './stream-reader.ts';
import type { StreamRecord } from './stream-record.ts';
import { streamPath } from './stream-work.ts';
import type { AskedStream } from './stream-work.ts';

export interface StreamLoadOptions {
  /** Where requests go: `http://host:port`. */
  readonly targets: readonly string[];
  /** How many streams there are at each time. */
  readonly streams: number;
  readonly random: Random;
  /** Which part of the streams is kept, from 0 to 1; the others are live. */
  readonly kept: number;
  /** Whether Redis may lose everything meanwhile. */
  readonly mayBeGone?: boolean;
  /** @returns what the client of the next live stream of so many bytes does besides reading. */
  readonly manner?: (bytes: number) => Manner;
}

/** One in so many streams is fast and large. */
const largeOneIn = 20;
const largeEvents = { min: 5000, max: 30_000 };
const refusedPauseMs = 200;
/** The next check whether enough streams have ended, in ms. */
const pollIntervalMs = 20;

/** Clients that each read one stream after the other. */
export class StreamLoad {
  readonly #options: StreamLoadOptions;
  readonly #records: StreamRecord[] = [];
  #slots: Promise<void>[] = [];
  #stopped = false;

  constructor(options: StreamLoadOptions) {
    this.#options = options;
  }

  /** The streams that have ended so far. */
  get records(): readonly StreamRecord[] {
    return this.#records;
  }

  start(): void {
    const { streams } = this.#options;
    this.#slots = Array.from({ length: streams }, (_, slot) => this.#keepBusy(slot));
  }

  /** Resolves when so many more streams have ended cleanly. */
  async ended(count: number): Promise<void> {
    const clean = (): number => this.#records.filter(({ ending }) => ending.kind === 'clean').length;
    const goal = clean() + count;
    while (clean() < goal && !this.#stopped) await delay(pollIntervalMs);
  }

  /** Begins no more streams. @returns all streams once the last one has ended. */
  async stop(): Promise<readonly StreamRecord[]> {
    this.#stopped = true;
    await Promise.all(this.#slots);
    return this.#records;
  }

  async #keepBusy(slot: number): Promise<void> {
    while (!this.#stopped) {
      const record = await this.#one(slot);
      this.#records.push(record);
      if (record.ending.kind === 'refused') await delay(refusedPauseMs);
    }
  }

  async #one(slot: number): Promise<StreamRecord> {
    const { targets, random, kept, mayBeGone, manner } = this.#options;
    const asked = this.#ask();
    const id = `stream-${randomUUID()}`;
    const target = slot % targets.length;
    const about = { id, target, wanted: asked.bytes, sent: now() };
    if (random.next() < kept) {
      const { position, ...read } = await followKept(targets, target, id, asked, mayBeGone);
      return { ...about, ...read, kind: 'kept', bytes: position, ended: now() };
    }
    const { position, ...read } = await readStream({
      url: `${targets[target]}${streamPath(id, asked)}`,
      seed: asked.seed,
      from: 0,
      ...manner?.(asked.bytes),
    });
    return { ...about, ...read, kind: 'live', bytes: position, ended: now(), resumed: 0 };
  }

  /** @returns a stream of one to five seconds, or a large one that comes as fast as it is read. */
  #ask(): AskedStream {
    const { random } = this.#options;
    const seed = random.between(0, eventsInPeriod - 1);
    if (random.between(1, largeOneIn) === 1) {
      const bytes = random.between(largeEvents.min, largeEvents.max) * eventBytes;
      return { seed, bytes, piece: 640 * eventBytes, everyMs: 0 };
    }
    const everyMs = random.between(40, 200);
    const piece = random.between(1, 20) * eventBytes;
    const pieces = Math.ceil(random.between(1000, 5000) / everyMs);
    return { seed, bytes: pieces * piece, piece, everyMs };
  }
}
