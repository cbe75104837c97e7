import type { Socket } from 'node:net';
import { Problem } from '#shared/contract/errors.ts';
import type { Connections } from './connections.ts';
import { problemMessage, writeProblem } from './problem-response.ts';
import type { RequestEnds } from './request-ends.ts';

/** How long to discard what the client still sends, in ms. */
const lingerMs = 2000;

/**
 * Refuses requests that have no response object: those that could not be parsed, and CONNECT. The refusal is
 * the last answer on its connection, and follows the answers to earlier requests.
 */
export class Refusals {
  readonly #connections: Connections;
  readonly #ends: RequestEnds;
  readonly #headLimitBytes: number;

  /** @param headLimitBytes bytes that the head of a request may have. */
  constructor(connections: Connections, ends: RequestEnds, headLimitBytes: number) {
    this.#connections = connections;
    this.#ends = ends;
    this.#headLimitBytes = headLimitBytes;
  }

  /** @param error of Node's parser. After it, everything that follows on the connection fails too. */
  malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    // A client that left, or ended its stream within a request, gets no answer.
    if (error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE') socket.destroy();
    else this.refuse(socket, this.#problemOf(error));
  }

  /** @param socket of the connection. Only the first call counts. */
  refuse(socket: Socket, problem: Problem): void {
    const connection = this.#connections.of(socket);
    if (connection === undefined || connection.refused) {
      if (connection === undefined) socket.destroy();
      return;
    }
    connection.refused = true;
    // Node no longer listens for errors here, and a reset by the client must not end the process.
    socket.on('error', () => socket.destroy());
    socket.once('end', () => socket.destroySoon());
    const { last } = connection;
    if (last === undefined || last.closed) this.#write(socket, problem);
    else if (last.req.complete) last.once('close', () => this.#write(socket, problem));
    // The fault is in the body of the last request. If that is answered, the connection ends with its answer.
    else if (!last.headersSent) writeProblem(last, problem);
    // After CONNECT nothing reads the socket, so its end would go unnoticed.
    socket.resume();
  }

  #write(socket: Socket, { code, message }: Problem): void {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.write(problemMessage(code, message), (error) => this.#ends.refused(code, !error));
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(timer));
  }

  #problemOf({ code, message }: NodeJS.ErrnoException): Problem {
    switch (code) {
      case 'HPE_HEADER_OVERFLOW': {
        const detail = `The head has more than ${this.#headLimitBytes} bytes (HEAD_LIMIT_BYTES).`;
        return new Problem('header_too_large', detail);
      }
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        return new Problem('request_timeout', 'The request did not arrive in time.');
      default:
        return new Problem('request_malformed', `The request is not valid HTTP: ${message}`);
    }
  }
}
