import { windowBytes } from '#shared/contract/frame.ts';
import type { Frame, StreamTerms } from '#shared/contract/frame.ts';
import type { StreamFault, StreamListener } from './client-stream.ts';
import { IncomingStream } from './incoming-stream.ts';
import type { StreamClient } from './incoming-stream.ts';
import { MissingFrames } from './missing-frames.ts';
import type { SignalSender } from './signal-sender.ts';
import { StreamCounts } from './stream-counts.ts';
import type { StreamMemory } from './stream-memory.ts';
import type { StreamPresence } from './stream-presence.ts';

/** What a stream is begun with. */
export interface BegunStream {
  readonly id: string;
  readonly replica: string;
  readonly terms: StreamTerms;
  /** The bytes of the answer that its head has brought. */
  readonly first: Uint8Array;
  /**
   * Writes the head for the client.
   * @returns undefined if the client cannot get this head.
   */
  readonly begin: (listener: StreamListener) => StreamClient | undefined;
}

/** A stream that its client has not got whole yet. */
export interface OpenStream {
  readonly id: string;
  readonly replica: string;
  readonly fence: number;
  /** When it began, on the `performance.now()` clock. */
  readonly since: number;
}

/** The frames that follow the head of a stream. */
export type StreamFrame = Extract<Frame, { readonly kind: 'chunk' | 'end' | 'abort' | 'blocked' }>;

interface Kept extends OpenStream {
  readonly incoming: IncomingStream;
  /** Whether its worker may send a wide window of bytes ahead. */
  isWide: boolean;
}

/** The streams of this gateway, each from its head to its end. */
export class OpenStreams {
  readonly #signals: SignalSender;
  readonly #presence: StreamPresence;
  readonly #memory: StreamMemory;
  readonly #streams = new Map<string, Kept>();
  readonly #missing: MissingFrames;
  readonly counts = new StreamCounts();

  /** @param gapMs how long frames may be missing until the client's connection is broken, in ms. */
  constructor(signals: SignalSender, presence: StreamPresence, memory: StreamMemory, gapMs = 5000) {
    this.#signals = signals;
    this.#presence = presence;
    this.#memory = memory;
    this.#missing = new MissingFrames({
      ask: (id) => this.ask(id),
      giveUp: (id) => this.lose(id, 'gap'),
      giveUpMs: gapMs,
    });
  }

  get size(): number {
    return this.#streams.size;
  }

  /** The ids of their requests. */
  get ids(): Iterable<string> {
    return this.#streams.keys();
  }

  /** The replicas that they come from. */
  get replicas(): Iterable<string> {
    return this.#presence.replicas;
  }

  has(id: string): boolean {
    return this.#streams.has(id);
  }

  /** The streams that have been open for at least so many ms. */
  longerThan(ms: number): readonly OpenStream[] {
    const until = performance.now() - ms;
    return [...this.#streams.values()].filter(({ since }) => since <= until);
  }

  /** The head of a stream has arrived, whose client waits. */
  open({ id, replica, terms, first, begin }: BegunStream): void {
    let early: StreamFault | undefined;
    const listener: StreamListener = {
      taken: (bytes) => this.#onTaken(id, bytes),
      left: (cause) => {
        early = cause;
        this.leave(id, cause);
      },
    };
    const client = begin(listener);
    if (client === undefined) {
      this.#signals.cancel(replica, terms.fence, id);
      return;
    }
    this.counts.begun += 1;
    this.counts.bytes += first.length;
    const since = performance.now();
    const { fence } = terms;
    const incoming = new IncomingStream(terms, first, client);
    this.#streams.set(id, { id, replica, fence, since, incoming, isWide: false });
    this.#presence.add(replica);
    // The first bytes may be too many.
    if (early !== undefined) this.leave(id, early);
  }

  /** Passes a frame on. If nobody waits for its stream, the worker is told so. */
  receive(replica: string, frame: StreamFrame): void {
    const stream = this.#streams.get(frame.id);
    if (stream === undefined) {
      this.refuse(replica, frame);
      return;
    }
    switch (frame.kind) {
      case 'chunk':
        this.#onChunk(stream, frame);
        return;
      case 'blocked':
        this.#onBlocked(stream, frame);
        return;
      case 'end':
        this.#onEnd(stream, frame);
        return;
      case 'abort':
        this.#onAbort(stream, frame);
        return;
      default:
        frame satisfies never;
    }
  }

  /** A frame has arrived whose stream nobody waits for. */
  refuse(replica: string, { kind, id, fence }: StreamFrame): void {
    this.counts.dropped += 1;
    // The other frames are the last ones.
    if (kind === 'chunk' || kind === 'blocked') this.#signals.cancelAgain(replica, fence, id);
  }

  /** A head has arrived that nobody waits for, or that came again. */
  refuseHead(replica: string, id: string, { fence }: StreamTerms): void {
    this.counts.dropped += 1;
    if (this.#streams.get(id)?.fence !== fence) this.#signals.cancelAgain(replica, fence, id);
  }

  /** The client has left, or was disconnected. Does nothing if the stream is over. */
  leave(id: string, cause: StreamFault = 'client'): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.incoming.leave();
    this.counts.abort(cause);
    this.#cancel(stream);
  }

  /** No more frames of a stream will come: breaks its client's connection. Does nothing if it is over. */
  lose(id: string, cause: 'lost' | 'gap' = 'lost'): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.incoming.lose(cause);
    this.counts.abort(cause);
    this.#cancel(stream);
  }

  /** Frames may be lost: asks the worker of a stream to send again what has not arrived. */
  ask(id: string): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#signals.missing(stream.replica, id, stream.incoming.received);
  }

  /** The head of a stream may be lost: asks the worker to send it again, and what followed it. */
  askForHead(replica: string, id: string): void {
    this.#signals.missing(replica, id, undefined);
  }

  /** The connection of the inbox broke, and frames that were on it are lost. */
  askForAll(): void {
    for (const id of this.#streams.keys()) this.ask(id);
  }

  #onChunk(stream: Kept, frame: Extract<Frame, { readonly kind: 'chunk' }>): void {
    const before = stream.incoming.received;
    const fate = stream.incoming.chunk(frame);
    if (fate === 'taken') {
      this.counts.chunks += 1;
      this.counts.bytes += stream.incoming.received - before;
      this.#missing.remove(stream.id);
    } else if (fate === 'dropped') {
      this.counts.dropped += 1;
      // Another worker sends the answer as well; nobody waits for that one.
      if (frame.fence !== stream.fence) this.#signals.cancelAgain(stream.replica, frame.fence, frame.id);
    } else {
      this.counts.dropped += 1;
      this.#missing.add(stream.id);
    }
  }

  #onBlocked(stream: Kept, frame: Extract<Frame, { readonly kind: 'blocked' }>): void {
    const { id, replica, fence, incoming } = stream;
    const fate = incoming.blocked(frame);
    if (fate === 'waiting') this.#signals.grant(replica, fence, incoming.granted, id);
    else if (frame.fence !== fence) this.#signals.cancelAgain(replica, frame.fence, id);
    else if (fate === 'gap') this.#missing.add(id);
  }

  #onEnd(stream: Kept, frame: Extract<Frame, { readonly kind: 'end' }>): void {
    const fate = stream.incoming.end(frame);
    if (fate === 'clean') {
      this.#remove(stream);
      return;
    }
    this.counts.dropped += 1;
    if (fate === 'gap') this.#missing.add(stream.id);
  }

  #onAbort(stream: Kept, frame: Extract<Frame, { readonly kind: 'abort' }>): void {
    if (stream.incoming.abort(frame) === 'dropped') {
      this.counts.dropped += 1;
      return;
    }
    this.counts.abort(frame.code);
    this.#remove(stream);
  }

  /** The client has taken bytes: its worker may send more. */
  #onTaken(id: string, bytes: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const granted = stream.incoming.taken(bytes, this.#memory.hasRoom(stream.isWide));
    if (granted === undefined) return;
    this.#setWide(stream, granted - bytes === windowBytes);
    this.#signals.grant(stream.replica, stream.fence, granted, id);
  }

  #setWide(stream: Kept, isWide: boolean): void {
    if (stream.isWide === isWide) return;
    stream.isWide = isWide;
    if (isWide) this.#memory.widen();
    else this.#memory.narrow();
  }

  #cancel(stream: Kept): void {
    this.#remove(stream);
    this.#signals.cancel(stream.replica, stream.fence, stream.id);
  }

  /** Does nothing if it is removed already: a client can be disconnected by its own end. */
  #remove(stream: Kept): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#missing.remove(stream.id);
    this.#setWide(stream, false);
    this.#presence.remove(stream.replica);
  }
}
