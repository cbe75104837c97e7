import type { Socket } from 'node:net';
import { Problem } from '#shared/errors.ts';
import type { Connections } from '../connections.ts';
import { writeProblem, writeProblemTo } from '../routes/problem-response.ts';

/** Answers what is no request that the gateway could take: what cannot be parsed as HTTP, and CONNECT. */
export class Refusals {
  readonly #connections: () => Connections;
  readonly #headLimitBytes: number;
  readonly #refused = new WeakSet<Socket>();

  /** @param connections of the listener, which are known once it has a server. */
  constructor(connections: () => Connections, headLimitBytes: number) {
    this.#connections = connections;
    this.#headLimitBytes = headLimitBytes;
  }

  /** @param error of Node's parser, which tells it again for all that still comes on the connection. */
  malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    // A client that leaves is not answered any more.
    if (error.code === 'ECONNRESET' || (this.#refused.has(socket) && socket.readableEnded)) socket.destroy();
    else this.refuse(socket, this.#problemOf(error));
  }

  /**
   * Refuses a request, or what should be one, and ends the connection. The requests before it on the connection are
   * answered first: the client takes each answer for that to the next of its requests.
   */
  refuse(socket: Socket, problem: Problem): void {
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    const last = this.#connections().lastAnswer(socket);
    if (last === undefined || last.closed) writeProblemTo(socket, problem);
    // It is the body of this request that is wrong.
    else if (!last.req.complete) writeProblem(last, problem);
    else last.once('close', () => writeProblemTo(socket, problem));
  }

  #problemOf({ code, message }: NodeJS.ErrnoException): Problem {
    switch (code) {
      case 'HPE_HEADER_OVERFLOW':
        return new Problem(
          'header_too_large',
          `The head has more than ${this.#headLimitBytes} bytes (HEAD_LIMIT_BYTES).`,
        );
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        return new Problem('request_timeout', 'The request did not come in time.');
      default:
        return new Problem('request_malformed', `The request is not valid HTTP: ${message}`);
    }
  }
}
