import type { Socket } from 'node:net';
import { Problem } from '#shared/errors.ts';
import type { ProblemCode } from '#shared/errors.ts';
import type { Connections } from '../connections.ts';
import { problemMessage, writeProblem } from '../routes/problem-response.ts';
import type { RequestEnds } from './request-ends.ts';

/** Time that a client has to send what is not read any more, in ms. */
const lingerMs = 2000;

/**
 * Refuses requests that have no response object: what could not be parsed, CONNECT, an upgrade. The refusal is the
 * last answer of its connection, and comes behind those to the requests before it.
 */
export class Refusals {
  readonly #connections: Connections;
  readonly #ends: RequestEnds;

  constructor(connections: Connections, ends: RequestEnds) {
    this.#connections = connections;
    this.#ends = ends;
  }

  /** @param socket of the connection. The parser fails again at whatever comes next: only the first call counts. */
  refuse(socket: Socket, code: ProblemCode, detail: string): void {
    const connection = this.#connections.of(socket);
    if (connection === undefined || connection.refused) {
      if (connection === undefined) socket.destroy();
      return;
    }
    connection.refused = true;
    // Nobody else listens any more, and a client that resets the connection must not end the process.
    socket.on('error', () => socket.destroy());
    socket.once('end', () => socket.destroySoon());
    const { last } = connection;
    if (last === undefined || last.closed) this.#write(socket, code, detail);
    else if (last.req.complete) last.once('close', () => this.#write(socket, code, detail));
    // The fault is in the body of the last request. If that has its answer, the connection ends with it.
    else if (!last.headersSent) writeProblem(last, new Problem(code, detail));
    // After CONNECT or an upgrade nobody reads, and the end of the connection would not be seen.
    socket.resume();
  }

  #write(socket: Socket, code: ProblemCode, detail: string): void {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.write(problemMessage(code, detail), (error) => this.#ends.refused(code, !error));
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(timer));
  }
}
