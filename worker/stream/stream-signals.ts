import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import type { SentStream } from './gateway-pushes.ts';

/** A stream whose bytes travel to the gateway that waits for it. */
export interface LiveStream extends SentStream {
  readonly gateway: string;
  /** That of the lease under which it is sent. */
  readonly fence: number;
}

/** Why a stream ends before it is complete. */
export type EndCause = 'client' | 'gateway' | 'idle';

export interface StreamSignalsOptions {
  /** The stream is to be aborted, and is not watched any more. */
  readonly onEnd: (stream: LiveStream, cause: EndCause) => void;
  /** The gateway is to be asked how much is granted. */
  readonly ask: (stream: LiveStream) => void;
  /** How long a source that is read may bring nothing, in ms; 0: without a limit. */
  readonly idleTimeoutMs: number;
}

/** A gateway from which nothing is heard for so long, in ms, is gone. It says every 5 s that it is here. */
const silentMs = 15_000;

/**
 * Follows what gateways say about the streams of one queue, and ends those that nobody reads or that bring
 * nothing. Times are in ms on one clock. Messages can be lost, so what is missing is asked for again.
 */
export class StreamSignals {
  readonly #options: StreamSignalsOptions;
  readonly #streams = new Map<string, LiveStream>();
  /** When something was heard of each gateway that has streams. */
  readonly #heardAt = new Map<string, number>();
  /** Since when messages arrive; undefined while the connection is down. */
  #listensSince: number | undefined;

  constructor(options: StreamSignalsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Watches a stream, until {@link remove} or its end. */
  add(stream: LiveStream, now: number): void {
    this.#streams.set(stream.id, stream);
    this.#heardAt.set(stream.gateway, now);
  }

  remove(id: string): void {
    this.#streams.delete(id);
  }

  /** Messages arrive from now on. Grants may have been missed before. */
  listening(now: number): void {
    this.#listensSince = now;
    for (const stream of this.#streams.values()) this.#options.ask(stream);
  }

  /** No messages arrive. */
  deaf(): void {
    this.#listensSince = undefined;
  }

  receive(signal: StreamSignal, now: number): void {
    switch (signal.kind) {
      case 'grant':
        this.#streamOf(signal)?.outgoing.grant(signal.offset);
        return;
      case 'cancel': {
        const stream = this.#streamOf(signal);
        if (stream !== undefined) this.#end(stream, 'client');
        return;
      }
      case 'present':
        if (this.#heardAt.has(signal.gateway)) this.#heardAt.set(signal.gateway, now);
        return;
      default:
        signal satisfies never;
    }
  }

  /** Call it once a second. */
  check(now: number): void {
    const { idleTimeoutMs, ask } = this.#options;
    const gateways = new Set<string>();
    for (const stream of this.#streams.values()) {
      const { outgoing, gateway } = stream;
      gateways.add(gateway);
      const { idleSince, state } = outgoing;
      if (this.#isGone(gateway, now)) this.#end(stream, 'gateway');
      else if (idleTimeoutMs > 0 && idleSince !== undefined && now - idleSince >= idleTimeoutMs)
        this.#end(stream, 'idle');
      else if (state === 'blocked') ask(stream);
    }
    for (const gateway of this.#heardAt.keys()) if (!gateways.has(gateway)) this.#heardAt.delete(gateway);
  }

  #streamOf({ id, fence }: { readonly id: string; readonly fence: number }): LiveStream | undefined {
    const stream = this.#streams.get(id);
    return stream?.fence === fence ? stream : undefined;
  }

  /** Whether a gateway has said nothing for too long while messages arrived. */
  #isGone(gateway: string, now: number): boolean {
    if (this.#listensSince === undefined) return false;
    return now - Math.max(this.#listensSince, this.#heardAt.get(gateway) ?? now) >= silentMs;
  }

  #end(stream: LiveStream, cause: EndCause): void {
    this.#streams.delete(stream.id);
    this.#options.onEnd(stream, cause);
  }
}
