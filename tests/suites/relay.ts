import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { targetNamedIn } from './port-address.ts';
import type { Target } from './port-address.ts';

const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

/**
 * One connection from a worker. It forwards each request, over a new connection, to the suite's server that
 * the client's address in `Forwarded` encodes. The bytes are unchanged in both directions, except that the
 * request's `Connection` becomes `close`, since the next request may be for another server.
 */
export class Relay {
  readonly #worker: Socket;
  #target: Socket | undefined;
  #head = Buffer.alloc(0);
  /** How many bytes of the present request's body are missing; `chunked` if it ends with the last chunk. */
  #body: number | 'chunked' = 0;

  constructor(worker: Socket) {
    this.#worker = worker;
    worker.on('data', (chunk: Buffer) => this.#receive(chunk));
    worker.on('end', () => this.#target?.end());
    // A 'close' event follows.
    worker.on('error', () => undefined);
    worker.on('close', () => this.#target?.destroy());
  }

  close(): void {
    this.#worker.destroy();
  }

  #receive(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#body === 0 ? this.#receiveHead(rest) : this.#receiveBody(rest);
  }

  /** @returns the bytes that follow the head. */
  #receiveHead(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([this.#head, chunk]);
    const end = bytes.indexOf(headEnd);
    if (end < 0) {
      this.#head = bytes;
      return Buffer.alloc(0);
    }
    this.#head = Buffer.alloc(0);
    const [line = '', ...fields] = bytes.toString('latin1', 0, end).split('\r\n');
    const target = targetNamedIn(fields.filter((field) => /^forwarded:/i.test(field)).join('\r\n'));
    if (target === undefined) throw new Error(`the Forwarded of a request encodes no port: ${line}`);
    const length = fields.find((field) => /^content-length:/i.test(field));
    if (fields.some((field) => /^transfer-encoding:/i.test(field))) this.#body = 'chunked';
    else this.#body = length === undefined ? 0 : Number(length.slice('content-length:'.length));
    const others = fields.filter((field) => !/^(?:connection|keep-alive):/i.test(field));
    const head = [line, ...others, 'Connection: close', '', ''].join('\r\n');
    this.#open(target);
    this.#target?.write(head, 'latin1');
    return bytes.subarray(end + headEnd.length);
  }

  /** @returns the bytes that follow the body. */
  #receiveBody(chunk: Buffer): Buffer {
    const body = typeof this.#body === 'number' ? chunk.subarray(0, this.#body) : chunk;
    this.#target?.write(body);
    if (typeof this.#body === 'number') this.#body -= body.length;
    // A worker sends a chunked body only if it is empty: then it consists of the last chunk.
    else if (body.subarray(-lastChunk.length).equals(lastChunk)) this.#body = 0;
    return chunk.subarray(body.length);
  }

  #open({ port, family }: Target): void {
    // The previous server may have answered without closing its connection.
    this.#target
      ?.removeAllListeners()
      .on('error', () => undefined)
      .destroy();
    const target = connect({
      port,
      host: family === 6 ? '::1' : '127.0.0.1',
      noDelay: true,
      allowHalfOpen: true,
    });
    this.#target = target;
    target.pipe(this.#worker, { end: false });
    target.on('end', () => this.#worker.end());
    target.on('error', () => this.#worker.resetAndDestroy());
    target.on('close', () => this.#worker.end());
  }
}
