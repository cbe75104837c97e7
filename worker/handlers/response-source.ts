import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isUint8Array } from 'node:util/types';
import { Delivery } from './delivery.ts';
import type { ByteSink, ByteSource, RunContext } from './handler.ts';

/** A source that always has a chunk is read so many times before timers and connections get their turn. */
const readsPerTurn = 64;

/** A stream of the web, of whatever library. */
type BodyStream = Pick<ReadableStream<unknown>, 'getReader' | 'cancel'>;

/** Tells the source of a body that nobody reads it any further. */
export function cancelBody(response: Response, reason: unknown): void {
  // It rejects if the stream has failed, or has another reader.
  streamOf(response)
    ?.cancel(reason)
    .catch(() => undefined);
}

/**
 * @param signal of the request; it has not fired. If it does, the stream is cancelled.
 * @param abandon fires the signal: called if the stream is cancelled for another reason.
 * @returns the bytes of a response; undefined if they were read before, or if a response of another library
 * has no stream that is known here.
 * @throws {TypeError} if the stream has another reader.
 */
export function sourceOf(
  response: Response,
  { signal, abandon }: Pick<RunContext, 'signal' | 'abandon'>,
): ByteSource | undefined {
  const stream = response.bodyUsed ? undefined : streamOf(response);
  return stream && new ResponseSource(stream, signal, abandon);
}

function streamOf({ body }: Response): BodyStream | undefined {
  const stream: unknown = body;
  if (stream instanceof ReadableStream) return stream;
  if (stream instanceof Readable) return stream.destroyed ? undefined : Readable.toWeb(stream);
  return isBodyStream(stream) ? stream : undefined;
}

/** Libraries bring classes of their own. */
function isBodyStream(value: unknown): value is BodyStream {
  return typeof value === 'object' && value !== null && 'getReader' in value && 'cancel' in value;
}

/** The bytes of a stream. While they are paused, the stream is not pulled. */
export class ResponseSource implements ByteSource {
  readonly #reader: Pick<ReadableStreamDefaultReader<unknown>, 'read' | 'cancel'>;
  readonly #delivery: Delivery;
  readonly #abandon: RunContext['abandon'];
  /** The stream belongs to the handler: what it prints and traces is its request's. */
  readonly #inContext = AsyncLocalStorage.snapshot();
  #isStarted = false;
  #isPaused = false;
  #isReading = false;

  constructor(stream: BodyStream, signal: AbortSignal, abandon: RunContext['abandon']) {
    this.#abandon = abandon;
    this.#reader = stream.getReader();
    this.#delivery = new Delivery(signal, (reason) => this.#drop(reason));
  }

  start(sink: ByteSink): void {
    if (!this.#delivery.start(sink)) return;
    this.#isStarted = true;
    void this.#read();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isStarted) void this.#read();
  }

  cancel(reason: unknown): void {
    this.#delivery.cancel(reason);
    // Many handlers listen to the signal alone, and write into their streams until it fires.
    this.#abandon?.(reason);
  }

  /** Reads until the end, or until it is paused. Never rejects. */
  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (let reads = 1; !this.#isPaused && !this.#delivery.isOver; reads += 1) {
        const { done, value } = await this.#inContext(() => this.#reader.read());
        if (this.#delivery.isOver) break;
        if (done) {
          this.#delivery.end();
          break;
        }
        // `Response.arrayBuffer()` checks the same.
        if (!isUint8Array(value)) throw new TypeError('the body of a Response must be a stream of bytes');
        this.#delivery.bytes(value);
        if (reads % readsPerTurn === 0) await nextTurn();
      }
    } catch (error) {
      if (!this.#delivery.isOver) {
        this.#drop(error);
        this.#delivery.fail(error);
      }
    }
    this.#isReading = false;
  }

  #drop(reason: unknown): void {
    this.#inContext(() => this.#reader.cancel(reason)).catch(() => undefined);
  }
}
