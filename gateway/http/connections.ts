import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer } from './answer.ts';

/** An open connection of a client. */
export interface Connection {
  /** The answer to its last request, whether it is sent or not. Those before it are sent before it. */
  last: Answer | undefined;
  /** What is to be told if the connection closes: one entry for each answer that is waited for. */
  readonly waits: Set<() => void>;
  /** What came last could not be parsed, or asked for a tunnel: the answer to it is the last one. */
  refused: boolean;
}

/** What is under way on a connection. */
export type Pending =
  /** A request is answered some time. */
  | 'request'
  /** A request whose body is not whole: nothing of it is accepted. */
  | 'upload'
  /** The client has yet to take its answer. */
  | 'answer'
  /** It is idle or unused, or has brought half of a request's head. */
  | 'nothing';

/** @returns what is under way on a connection. */
export function pendingOn({ last, waits }: Connection): Pending {
  if (waits.size > 0) return 'request';
  if (last === undefined || last.closed || last.writableFinished) return 'nothing';
  // Nobody waits, so all of the answer is there.
  if (last.headersSent) return 'answer';
  return last.req.complete ? 'request' : 'upload';
}

/**
 * The open connections of clients, and what waits on each.
 *
 * Node tells only the response whose turn it is that its connection has closed. A client may have sent more
 * requests behind that one (pipelining), so waits are kept by connection and not by response.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  #closing = false;

  /** Begins to keep the connections of a server, before it listens. */
  attach(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const connection: Connection = { last: undefined, waits: new Set(), refused: false };
      this.#open.set(socket, connection);
      socket.once('close', () => {
        this.#open.delete(socket);
        for (const gone of connection.waits) gone();
        // Node forgets the answers behind others where a tunnel was asked for after them.
        for (let answer = connection.last; answer !== undefined; answer = answer.before) answer.destroy();
      });
    });
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      if (this.#closing) response.shouldKeepAlive = false;
    });
  }

  /** A request has come, and this will be the answer to it. */
  begin(answer: Answer): void {
    const connection = this.#open.get(answer.req.socket);
    if (connection === undefined) return;
    if (connection.last?.closed === false) answer.before = connection.last;
    connection.last = answer;
  }

  /** @returns the connection of a socket, while it is open. */
  of(socket: Socket): Connection | undefined {
    return this.#open.get(socket);
  }

  get size(): number {
    return this.#open.size;
  }

  [Symbol.iterator](): IterableIterator<[Socket, Connection]> {
    return this.#open.entries();
  }

  /**
   * @param gone called once if the connection closes before {@link answered} is called; at once if it has
   * closed.
   */
  wait(socket: Socket, gone: () => void): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) gone();
    else connection.waits.add(gone);
  }

  /** The client of this wait has its answer, or is not waited for any more. */
  answered(socket: Socket, gone: () => void): void {
    this.#open.get(socket)?.waits.delete(gone);
  }

  /** From now on the last answer of each connection says that it is the last (`Connection: close`). */
  close(): void {
    this.#closing = true;
    for (const { last } of this.#open.values()) if (last !== undefined) last.shouldKeepAlive = false;
  }
}
