import { encodeSignals } from '#shared/contract/stream-signal.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';
import type { Logger } from '#shared/process/logger.ts';

export interface SignalSenderOptions {
  /** The name of this gateway. */
  readonly gateway: string;
  /** Sends a message to the worker that serves the replica's queue. It may be lost. */
  readonly announce: (replica: string, message: string) => Promise<void>;
  readonly log: Logger;
}

/** A stream of a replica. */
export interface StreamName {
  /** The request's id. */
  readonly id: string;
  readonly fence: number;
}

/** Signals are collected for this time before they are sent, in ms. */
const collectMs = 5;
/** Signals in one message. */
const maxSignals = 500;
/** How often a worker that sends to this gateway hears that the gateway is here, in ms. */
const presenceMs = 5000;
/** A stream that this gateway does not know is cancelled once in this time, in ms. */
const refusalMs = 1000;

/**
 * Tells workers how much they may send, which streams they are to end, and that this gateway is here. The
 * signals of a few ms travel in one message for each replica. A message may be lost: workers ask again.
 */
export class SignalSender {
  readonly #options: SignalSenderOptions;
  /** What is to be sent, by replica. Of each stream only the last signal counts. */
  readonly #pending = new Map<string, Map<string, StreamSignal>>();
  /** How many streams each replica sends to this gateway. */
  readonly #streams = new Map<string, number>();
  /** When unknown streams were cancelled, on the `performance.now()` clock; the oldest is first. */
  readonly #refusedAt = new Map<string, number>();
  #collecting: NodeJS.Timeout | undefined;
  #presence: NodeJS.Timeout | undefined;

  constructor(options: SignalSenderOptions) {
    this.#options = options;
  }

  /** A replica has begun to send a stream. */
  opened(replica: string): void {
    this.#streams.set(replica, (this.#streams.get(replica) ?? 0) + 1);
    this.#presence ??= setInterval(() => this.#sayPresent(), presenceMs);
  }

  /** A stream of a replica is over. */
  closed(replica: string): void {
    const left = (this.#streams.get(replica) ?? 1) - 1;
    if (left > 0) this.#streams.set(replica, left);
    else this.#streams.delete(replica);
    if (this.#streams.size > 0) return;
    clearInterval(this.#presence);
    this.#presence = undefined;
  }

  /** The worker may send the stream up to this offset. */
  grant(replica: string, { id, fence }: StreamName, offset: number): void {
    this.#send(replica, id, { kind: 'grant', fence, offset, id });
  }

  /** The client has left. */
  cancel(replica: string, { id, fence }: StreamName): void {
    this.#send(replica, id, { kind: 'cancel', fence, id });
  }

  /** A frame of a stream has arrived that this gateway does not know. */
  refuse(replica: string, stream: StreamName): void {
    const now = performance.now();
    for (const [id, at] of this.#refusedAt) {
      if (now - at < refusalMs) break;
      this.#refusedAt.delete(id);
    }
    if (this.#refusedAt.has(stream.id)) return;
    this.#refusedAt.set(stream.id, now);
    this.cancel(replica, stream);
  }

  /** Sends what was collected, and nothing more by itself. Call it when no streams are left. */
  close(): void {
    clearInterval(this.#presence);
    clearTimeout(this.#collecting);
    this.#presence = undefined;
    this.#publish();
  }

  #send(replica: string, about: string, signal: StreamSignal): void {
    const signals = this.#pending.get(replica) ?? new Map<string, StreamSignal>();
    this.#pending.set(replica, signals);
    // Nothing follows a cancellation.
    if (signals.get(about)?.kind !== 'cancel') signals.set(about, signal);
    this.#collecting ??= setTimeout(() => this.#publish(), collectMs);
  }

  #sayPresent(): void {
    const { gateway } = this.#options;
    for (const replica of this.#streams.keys()) this.#send(replica, gateway, { kind: 'present', gateway });
  }

  #publish(): void {
    this.#collecting = undefined;
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const [replica, byName] of pending) {
      const signals = [...byName.values()];
      for (let at = 0; at < signals.length; at += maxSignals) {
        this.#announce(replica, encodeSignals(signals.slice(at, at + maxSignals)));
      }
    }
  }

  #announce(replica: string, message: string): void {
    const { announce, log } = this.#options;
    announce(replica, message).catch((error: unknown) => {
      log.debug({ replica, err: error }, 'a worker could not be told about its streams');
    });
  }
}
