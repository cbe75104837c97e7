import type { ReplyFrame } from '#shared/contract/reply.ts';
import type { Logger } from '#shared/process/logger.ts';
import { GatewayPushes } from './gateway-pushes.ts';
import type { SentStream, StreamFrame } from './gateway-pushes.ts';
import type { SentFrame } from './sent-frames.ts';
import type { MissingFrames } from './stream-signals.ts';

export interface ChunkBatchesOptions {
  /** That of the lease under which the streams are sent. */
  readonly fence: number;
  /** Pushes frames into the inbox of a gateway. Rejects if Redis refuses them. */
  readonly push: (gateway: string, frames: readonly StreamFrame[]) => Promise<void>;
  readonly log: Logger;
}

/** What the streams of one queue send, in one push for each gateway. */
export class ChunkBatches {
  readonly #options: ChunkBatchesOptions;
  readonly #pushes = new Map<string, GatewayPushes>();
  #isStopped = false;

  constructor(options: ChunkBatchesOptions) {
    this.#options = options;
  }

  /** A stream has a piece to be sent. */
  ready(gateway: string, stream: SentStream): void {
    if (!this.#isStopped) this.#to(gateway).ready(stream);
  }

  /** @returns whether the streams to a gateway hold fewer bytes than one push has. */
  hasRoom(gateway: string): boolean {
    return this.#pushes.get(gateway)?.hasRoom ?? true;
  }

  /** Sends a frame that has no bytes of an answer, in place of an unsent one of the same stream. */
  note(gateway: string, id: string, frame: ReplyFrame): void {
    if (!this.#isStopped) this.#to(gateway).note(id, frame);
  }

  /** Notes the first or the last frame of a stream, which is in the inbox. */
  sent(gateway: string, frame: SentFrame): void {
    if (!this.#isStopped) this.#to(gateway).sent(frame);
  }

  /** Sends frames again that have not arrived, also those of streams that are over. */
  sendAgain(missing: MissingFrames): void {
    for (const pushes of this.#pushes.values()) pushes.sendAgain(missing);
  }

  /** Sends nothing more: another worker has the lease. */
  stop(): void {
    this.#isStopped = true;
    for (const pushes of this.#pushes.values()) pushes.stop();
  }

  #to(gateway: string): GatewayPushes {
    const known = this.#pushes.get(gateway);
    if (known !== undefined) return known;
    const { fence, push, log } = this.#options;
    const pushes = new GatewayPushes({ fence, push: (frames) => push(gateway, frames), log });
    this.#pushes.set(gateway, pushes);
    return pushes;
  }
}
