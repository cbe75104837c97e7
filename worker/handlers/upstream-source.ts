import type { ClientRequest, IncomingMessage } from 'node:http';
import { noteChunkBytes } from '#shared/v8/young-buffers.ts';
import { Delivery } from './delivery.ts';
import type { ByteSink, ByteSource } from './handler.ts';

export interface UpstreamAnswer {
  readonly request: ClientRequest;
  /** Its head has just arrived. */
  readonly response: IncomingMessage;
  /** Of the request; it has not fired. If it does, the connection is dropped. */
  readonly signal: AbortSignal;
  /** @returns the failure of an answer whose connection broke in the middle. */
  readonly brokenBy: (error: Error) => unknown;
}

/**
 * The bytes of an upstream's answer. While they are paused, Node holds at most what the connection reads
 * ahead, and TCP makes the upstream wait.
 */
export class UpstreamSource implements ByteSource {
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly #delivery: Delivery;
  #isStarted = false;
  #isPaused = false;

  constructor({ request, response, signal, brokenBy }: UpstreamAnswer) {
    this.#request = request;
    this.#response = response;
    this.#delivery = new Delivery(signal, () => request.destroy());
    const fail = (error: Error): void => {
      // A failure after the whole answer does not matter.
      if (!this.#delivery.isOver && !response.complete) this.#delivery.fail(brokenBy(error));
    };
    request.on('error', fail);
    response.on('error', fail);
    response.on('close', () => fail(new Error('closed')));
  }

  start(sink: ByteSink): void {
    if (!this.#delivery.start(sink)) return;
    this.#isStarted = true;
    if (this.#isPaused) this.#response.pause();
    this.#response.on('end', () => {
      this.#delivery.end();
      // The upstream answered before it got the whole request, and may never read the rest.
      if (!this.#request.writableFinished) this.#request.destroy();
    });
    this.#response.on('data', (chunk: Buffer) => {
      this.#delivery.bytes(chunk);
      noteChunkBytes(chunk.length);
    });
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#isStarted) this.#response.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // Before the start, the bytes would be lost.
    if (this.#isStarted) this.#response.resume();
  }

  cancel(reason: unknown): void {
    this.#delivery.cancel(reason);
  }
}
