import { Duplex } from 'node:stream';
import { runIn } from './sim-process.ts';
import type { SimProcess } from './sim-process.ts';

export interface SocketEnds {
  readonly onBytes: (bytes: Buffer) => void;
  /** The process has closed its side. */
  readonly onClosed: () => void;
}

/** The side of a connection that a process has. It looks like a socket of Node's to a Redis client. */
export class SimSocket extends Duplex {
  readonly owner: SimProcess;
  readonly #ends: SocketEnds;
  connecting = true;
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 6379;

  constructor(owner: SimProcess, ends: SocketEnds) {
    super({ allowHalfOpen: false });
    this.owner = owner;
    this.#ends = ends;
    process.nextTick(() => {
      if (this.destroyed || owner.state === 'dead') return;
      this.connecting = false;
      this.emit('connect');
    });
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  /** Gives the process bytes from Redis. */
  deliver(bytes: Buffer): void {
    runIn(this.owner, () => this.push(bytes));
  }

  /** Breaks the connection. */
  cut(): void {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    runIn(this.owner, () => this.destroy(error));
  }

  override _read(): void {
    // Bytes come when they are delivered.
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#ends.onBytes(chunk);
    done();
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.#ends.onBytes(Buffer.concat(chunks.map(({ chunk }) => chunk)));
    done();
  }

  override _final(done: () => void): void {
    done();
    this.push(null);
    // Nobody may read to the end.
    process.nextTick(() => this.destroy());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#ends.onClosed();
    done(error);
  }
}
