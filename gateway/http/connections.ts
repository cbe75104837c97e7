import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Answer } from './answer.ts';

/** An open connection of a client. */
export interface Connection {
  /** The answer to its last request, sent or not. Earlier answers are sent before it. */
  last: Answer | undefined;
  /** Called if the connection closes: one function for each answer for which the client waits. */
  readonly waits: Set<() => void>;
  /** The last request could not be parsed, or asked for a tunnel: its answer is the last one. */
  refused: boolean;
}

/** What is in progress on a connection. */
export type Pending =
  /** A request is being answered. */
  | 'request'
  /** A stream is being sent. */
  | 'stream'
  /** The body of a request has not arrived whole; the request was not accepted. */
  | 'upload'
  /** The client has yet to read its answer. */
  | 'answer'
  /** It is idle or unused, or only part of a request's head has arrived. */
  | 'nothing';

/** @returns what is in progress on a connection. */
export function pendingOn({ last, waits }: Connection): Pending {
  if (waits.size > 0) return haveBegun(last) ? 'stream' : 'request';
  if (last === undefined || last.closed || last.writableFinished) return 'nothing';
  // No wait is left, so the answer is complete.
  if (last.headersSent) return 'answer';
  return last.req.complete ? 'request' : 'upload';
}

/**
 * @returns whether the heads of all answers on a connection are written, from the last one back. A request
 * behind them whose body has not arrived whole was not accepted, and does not count.
 */
function haveBegun(last: Answer | undefined): boolean {
  let begun = false;
  for (let answer = last; answer !== undefined; answer = answer.before) {
    if (answer.headersSent) begun = true;
    else if (!answer.closed && answer.req.complete) return false;
  }
  return begun;
}

/** Closes a connection at once. If an answer is being sent, its client can tell that it is not whole. */
export function cutOff(socket: Socket, connection: Connection): void {
  if (closeDelimited(socket, connection) === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** @returns the answer that is being sent, if it ends with its connection. */
function closeDelimited(socket: Socket, { last }: Connection): Answer | undefined {
  for (let answer = last; answer !== undefined; answer = answer.before) {
    if (answer.isCloseDelimited && answer.socket === socket) return answer;
  }
  return undefined;
}

/**
 * The open connections of clients, and the waits on each.
 *
 * If a connection closes, Node tells only the response whose turn it is. The client may have sent more
 * requests after that one (pipelining), so waits are kept by connection and not by response.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  #closing = false;

  /** Tracks the connections of a server. Call it before the server listens. */
  attach(server: Server): void {
    server.on('connection', (socket: Socket) => {
      const connection: Connection = { last: undefined, waits: new Set(), refused: false };
      this.#open.set(socket, connection);
      // Before Node ends its side too, after which an answer that is not written whole would look complete.
      socket.prependListener('end', () => {
        if (closeDelimited(socket, connection)?.writableEnded === false) socket.resetAndDestroy();
      });
      socket.once('close', () => {
        this.#open.delete(socket);
        for (const gone of connection.waits) gone();
        // Node forgets queued answers if the client asked for a tunnel after them.
        for (let answer = connection.last; answer !== undefined; answer = answer.before) answer.destroy();
      });
    });
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      if (this.#closing) response.shouldKeepAlive = false;
    });
  }

  /** A request has arrived, and this will be its answer. */
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
   * @param gone called once if the connection closes before {@link answered} is called; at once if it is
   * closed.
   */
  wait(socket: Socket, gone: () => void): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) gone();
    else connection.waits.add(gone);
  }

  /** Ends a wait: the client has its answer, or the wait was given up. */
  answered(socket: Socket, gone: () => void): void {
    this.#open.get(socket)?.waits.delete(gone);
  }

  /** From now on the last answer on each connection says that it is the last (`Connection: close`). */
  close(): void {
    this.#closing = true;
    for (const { last } of this.#open.values()) if (last !== undefined) last.shouldKeepAlive = false;
  }
}
