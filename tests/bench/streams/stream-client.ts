import { request as httpRequest } from 'node:http';
import type { Agent, ClientRequest } from 'node:http';
import type { Pattern } from '../../fixtures/pattern.ts';

/** How a stream ended for its client. */
export type Ending = 'clean' | 'broken' | 'left';

/** A client of one stream. It compares every byte with the one that belongs at its place. */
export class StreamClient {
  readonly #request: ClientRequest;
  readonly #pattern: Pattern;
  readonly #first = Promise.withResolvers<number>();
  readonly #ended = Promise.withResolvers<Ending>();
  #bytes = 0;
  #wrong: string | undefined;
  #left = false;

  /** @param agent `false` for a connection of its own */
  constructor(url: string, pattern: Pattern, agent: Agent | false = false) {
    this.#pattern = pattern;
    const sent = performance.now();
    this.#request = httpRequest(url, { agent });
    this.#request.on('error', (error) => this.#end('broken', error.message));
    this.#request.on('response', (response) => {
      if (response.statusCode !== 200) this.#note(`status ${response.statusCode}`);
      response.on('data', (chunk: Buffer) => {
        if (this.#bytes === 0) this.#first.resolve(performance.now() - sent);
        this.#take(chunk);
      });
      response.on('end', () => this.#end('clean'));
      response.on('error', (error) => this.#end('broken', error.message));
    });
    this.#request.end();
    // If it is never awaited, its rejection is no fault of anyone.
    this.#first.promise.catch(() => undefined);
  }

  /** How many bytes have come, all of which were right unless {@link fault} says otherwise. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is wrong with this stream, in a sentence. */
  get fault(): string | undefined {
    return this.#wrong;
  }

  /** Resolves when the first byte is there, with the time since the request was sent in ms. */
  get firstByte(): Promise<number> {
    return this.#first.promise;
  }

  /** Resolves when nothing more will come. */
  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  /** Closes the connection. */
  leave(): void {
    this.#left = true;
    this.#request.destroy();
    this.#end('left');
  }

  #take(chunk: Buffer): void {
    const wrongAt = this.#pattern.firstWrong(this.#bytes, chunk);
    if (wrongAt >= 0) this.#note(`byte ${wrongAt} is not the right one`);
    this.#bytes += chunk.length;
  }

  #end(ending: Ending, why = ''): void {
    if (ending === 'broken' && !this.#left) this.#note(`broken after ${this.#bytes} bytes: ${why}`);
    this.#first.reject(new Error(`it ended without a byte: ${ending} ${why}`));
    this.#ended.resolve(ending);
  }

  #note(what: string): void {
    this.#wrong ??= what;
  }
}

/** @returns what is wrong with streams, each kind once with its number. */
export function faultsOf(clients: readonly StreamClient[]): string[] {
  const faults = clients.flatMap(({ fault }) => fault ?? []);
  return [...Map.groupBy(faults, (fault) => fault.replaceAll(/\d+/g, 'n'))].map(
    ([, alike]) => `${alike.length} streams: ${alike[0]}`,
  );
}
