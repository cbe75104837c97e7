import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { asBuffer } from '#shared/contract/body.ts';
import { abortOf, noteAborted, noteBody, noteCloseDelimited } from '../http/answer.ts';
import type { AbortCause } from '../http/request-notes.ts';
import type { StreamClient } from './incoming-stream.ts';
import type { StreamMemory } from './stream-memory.ts';
import { ofOwn, WaitingBytes } from './waiting-bytes.ts';

/** Why a stream was broken off. `client`: its client has left. */
export type StreamFault = AbortCause | 'client';

/** Hears how a client takes its stream. */
export interface StreamListener {
  /** @param bytes how many bytes of the answer were passed to the client's socket. */
  taken(bytes: number): void;
  /** The client has left, or was disconnected, before it had the whole answer. */
  left(cause: StreamFault): void;
}

/** The watch over one answer. */
export interface UnsentWatch {
  /** The client has read something. */
  readonly progress: () => void;
  /** Ends the watch. */
  readonly stop: () => void;
}

/** Watches clients that have not read all of their answers. */
export interface UnsentWatcher {
  /** Writes the body of a response whose head is written, and ends it. */
  end(response: ServerResponse, body: Uint8Array): void;
  /** @param close called if the client reads nothing for too long: disconnects it. */
  follow(response: ServerResponse, close: () => void): UnsentWatch;
}

export interface ClientStreamOptions {
  /** Its head is written. */
  readonly response: ServerResponse;
  /** The length that the head states; undefined if it states none. */
  readonly length: number | undefined;
  readonly listener: StreamListener;
  readonly unsent: UnsentWatcher;
  readonly memory: StreamMemory;
  /** Called once, when nothing more is written. */
  readonly onDone: () => void;
}

/** Node gets more bytes only while it holds fewer than this, so that the progress of the client shows. */
const partBytes = 64 * 1024;
/** The same for writes, each of which costs memory besides its bytes. */
const maxWrites = 16;
/** Up to this many bytes are written as one string, framed, which costs less than a Buffer and its frame. */
const textLimit = 4096;
const lastChunk = '0\r\n\r\n';

/**
 * Writes an answer to its client as its bytes come, from after its head. It is always in one of these states:
 *
 *   open --the end, nothing waits--> ended
 *   open --the end--> ending --what waited was passed on--> ended
 *   open, ending --an abort, or the client leaves--> gone
 *   open, ending, ended --the client reads nothing--> gone
 */
export class ClientStream implements StreamClient {
  readonly #options: ClientStreamOptions;
  readonly #isChunked: boolean;
  readonly #isCloseDelimited: boolean;
  #state: 'open' | 'ending' | 'ended' | 'gone' = 'open';
  #received = 0;
  #taken = 0;
  /** The writes that Node has not passed to the socket. */
  #writes = 0;
  readonly #waiting = new WaitingBytes();
  #watch: UnsentWatch | undefined;
  #isReleased = false;

  constructor(options: ClientStreamOptions) {
    this.#options = options;
    const { response, length } = options;
    this.#isChunked = response.chunkedEncoding;
    // Node would write each chunk in four parts.
    response.chunkedEncoding = false;
    this.#isCloseDelimited = !this.#isChunked && length === undefined;
    if (this.#isCloseDelimited) noteCloseDelimited(response);
    response.once('close', () => this.#onClose());
    // The client left before the head was written: 'close' is not emitted again.
    if (response.closed) process.nextTick(() => this.#onClose());
    // A client that has pipelined its requests reads the answers before this one first.
    if (response.socket === null) response.once('socket', (socket) => this.#onTurn(socket));
    else this.#onTurn(response.socket);
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    const { length: stated, memory } = this.#options;
    const { length } = bytes;
    if (stated !== undefined && this.#received + length > stated) {
      this.#giveUp('handler_failed');
      return;
    }
    this.#received += length;
    memory.take(length);
    // What Node does not pass to the socket at once stays in memory.
    const isHeld = this.#options.response.writableLength > 0;
    if (this.#waiting.length === 0 && this.#mayPass) this.#pass(isHeld ? ofOwn(bytes) : asBuffer(bytes));
    else this.#waiting.add(bytes);
  }

  end(): void {
    if (this.#state !== 'open') return;
    const { length: stated } = this.#options;
    if (stated !== undefined && this.#received !== stated) {
      this.#giveUp('handler_failed');
      return;
    }
    if (this.#waiting.length === 0) this.#finish();
    else this.#state = 'ending';
  }

  break(cause: AbortCause): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    this.#cutOff(cause);
    this.#options.onDone();
  }

  /** Ends a stream that its client cannot get whole, or does not take. */
  #giveUp(cause: AbortCause): void {
    const isWritten = this.#state === 'ended';
    this.#cutOff(cause);
    if (isWritten) return;
    this.#options.onDone();
    this.#options.listener.left(cause);
  }

  /** Disconnects the client, which can tell that its answer is not whole. */
  #cutOff(cause: AbortCause): void {
    const { response } = this.#options;
    const { socket } = response;
    this.#state = 'gone';
    noteBody(response, this.#taken);
    noteAborted(response, cause);
    this.#dropWaiting();
    // The answers before this one are sent first. Until then Node keeps what it has, which stays counted.
    if (socket === null) return;
    this.#release();
    // What was written in this turn is still on its way to the system.
    process.nextTick(() => this.#disconnect(socket));
  }

  /** The answers before this one are sent. */
  #onTurn(socket: Socket): void {
    if (this.#state === 'gone') this.#disconnect(socket);
    else this.#watch = this.#options.unsent.follow(this.#options.response, () => this.#giveUp('slow'));
  }

  #disconnect(socket: Socket): void {
    if (this.#isCloseDelimited) socket.resetAndDestroy();
    else socket.destroy();
  }

  get #mayPass(): boolean {
    return this.#writes < maxWrites && this.#options.response.writableLength < partBytes;
  }

  /** Passes bytes to Node, which holds the socket's writes of a turn together. */
  #pass(bytes: Buffer): void {
    const { response } = this.#options;
    const { length } = bytes;
    this.#writes += 1;
    const size = length.toString(16);
    if (length <= textLimit) {
      const text = bytes.toString('latin1');
      response.write(this.#isChunked ? `${size}\r\n${text}\r\n` : text, 'latin1', this.#onWritten);
    } else if (this.#isChunked) {
      response.write(`${size}\r\n`, 'latin1');
      response.write(bytes);
      response.write('\r\n', 'latin1', this.#onWritten);
    } else {
      response.write(bytes, this.#onWritten);
    }
  }

  /** The socket has taken what was passed. */
  readonly #onWritten = (error?: Error | null): void => {
    this.#writes -= 1;
    if (error || this.#isReleased) return;
    const { response, listener, memory } = this.#options;
    // Node also counts heads and frames, so this is what was taken at least.
    const taken = Math.max(this.#taken, this.#received - this.#waiting.length - response.writableLength);
    const more = taken - this.#taken;
    if (more > 0) {
      this.#taken = taken;
      this.#watch?.progress();
      memory.give(more);
      if (this.#state !== 'ended') noteBody(response, taken);
    }
    if (this.#waiting.length > 0) this.#passMore();
    if (more > 0 && this.#state === 'open') listener.taken(taken);
  };

  #passMore(): void {
    while (this.#mayPass) {
      const next = this.#waiting.take();
      if (next === undefined) break;
      this.#pass(next);
    }
    if (this.#waiting.length === 0 && this.#state === 'ending') this.#finish();
  }

  #finish(): void {
    const { response, onDone } = this.#options;
    this.#state = 'ended';
    noteBody(response, this.#received);
    if (this.#isChunked) response.end(lastChunk, 'latin1');
    else response.end();
    onDone();
  }

  #onClose(): void {
    const isCutOff = this.#state === 'open' || this.#state === 'ending';
    this.#state = isCutOff ? 'gone' : this.#state;
    this.#release();
    if (!isCutOff) return;
    const { response, listener, onDone } = this.#options;
    onDone();
    listener.left(abortOf(response) ?? 'client');
  }

  /** Holds nothing any more. */
  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#watch?.stop();
    this.#dropWaiting();
    this.#options.memory.give(this.#received - this.#taken);
  }

  /** Forgets what Node has not got yet. */
  #dropWaiting(): void {
    const { length } = this.#waiting;
    this.#received -= length;
    this.#options.memory.give(length);
    this.#waiting.clear();
  }
}
