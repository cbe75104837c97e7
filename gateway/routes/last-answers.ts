import { Server } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import fp from 'fastify-plugin';
import { Problem } from '#shared/contract/errors.ts';
import { pendingOn } from '../http/connections.ts';
import type { Connection, Connections } from '../http/connections.ts';
import { problemMessage } from '../http/problem-response.ts';

export interface LastAnswersOptions {
  readonly connections: Connections;
  /** Time in ms in which all connections have to be closed. */
  readonly timeoutMs: number;
  /** Called as the app begins to close: ends what would keep connections open. */
  readonly onClosing: () => void;
}

/**
 * Connections without a request are closed this long after the app began to close, in ms: long enough for
 * what a busy client had sent already, or sends before it hears that this answer is the last.
 */
const lingerMs = 300;
/** How often the open connections are looked at, in ms. */
const lookEveryMs = 100;
/** An upload that brings nothing for this time is refused, in ms. */
const uploadStallMs = 1000;
/**
 * A client that takes nothing of its answer for this time is cut off, in ms. What the operating system has
 * taken from the gateway counts as taken.
 */
const readStallMs = 1000;
/**
 * What is no request in flight is ended so long before the time is over, in ms, so that the stop is not a
 * failure.
 */
const marginMs = 1000;

/** Resolves when the event loop has taken in all connections and bytes that had arrived before. */
async function allHeard(): Promise<void> {
  // The first one may be before the loop has looked at the sockets, the second one is after it.
  await immediate();
  await immediate();
}

/** Closes connections one by one, as soon as nothing that counts is under way on them. */
class LastConnections {
  readonly #connections: Connections;
  readonly #began = performance.now();
  readonly #timeoutMs: number;
  /** Bytes that each upload had brought, and since when it has brought no more. */
  readonly #uploads = new Map<Socket, { readonly bytes: number; readonly since: number }>();
  /** Bytes that each client had taken of its answer, and since when it has taken no more. */
  readonly #readers = new Map<Socket, { readonly bytes: number; readonly since: number }>();

  constructor(connections: Connections, timeoutMs: number) {
    this.#connections = connections;
    this.#timeoutMs = Math.max(0, timeoutMs - marginMs);
  }

  /** Looks at all connections once. */
  look(): void {
    const now = performance.now();
    const age = now - this.#began;
    const late = age > this.#timeoutMs;
    for (const [socket, connection] of this.#connections) {
      const pending = pendingOn(connection);
      switch (pending) {
        case 'request':
          // It was sent behind one whose answer was not taken yet.
          this.#readers.delete(socket);
          break;
        case 'nothing':
          if (age > lingerMs || late) socket.destroy();
          break;
        case 'upload':
          if (late || this.#stalled(socket, now)) refuse(socket, connection);
          break;
        case 'answer':
          if (late || this.#takesNothing(socket, now)) socket.destroy();
          break;
        default:
          pending satisfies never;
      }
    }
  }

  #stalled(socket: Socket, now: number): boolean {
    const { bytesRead: bytes } = socket;
    const before = this.#uploads.get(socket);
    if (before?.bytes === bytes) return now - before.since > uploadStallMs;
    this.#uploads.set(socket, { bytes, since: now });
    return false;
  }

  #takesNothing(socket: Socket, now: number): boolean {
    const bytes = socket.bytesWritten - socket.writableLength;
    const before = this.#readers.get(socket);
    if (before?.bytes === bytes) return now - before.since > readStallMs;
    this.#readers.set(socket, { bytes, since: now });
    return false;
  }
}

/**
 * Nothing was accepted of a request whose body is not whole. The client may send it again, to another
 * gateway.
 */
function refuse(socket: Socket, { last }: Connection): void {
  // Written only if it leaves at once: no byte of the body is read between the answer and the end of the
  // connection.
  const free = last?.socket === socket && !last.headersSent && socket.writableLength === 0;
  if (free) {
    const problem = new Problem('request_timeout', 'The gateway stops, and the body is not whole.');
    last.noteProblem(problem);
    socket.write(problemMessage(problem.code, problem.message), (error) => {
      if (!error) last.tellEnd(true);
    });
  }
  socket.destroySoon();
}

/**
 * Once the app closes, no connection is accepted, the last answer of each connection says so (`Connection:
 * close`), and connections on which no request is in flight are closed a moment later: idle and unused ones,
 * those that have brought half a head, uploads that have stalled, and clients that do not take their answer.
 *
 * Node's own `close` cuts idle connections at once, and with them requests that are on their way; and it lets
 * those that never brought a byte, or half a request, hold the server open.
 */
export const lastAnswers = fp<LastAnswersOptions>(
  (app, { connections, timeoutMs, onClosing }, done) => {
    app.addHook('preClose', async () => {
      const closing = new LastConnections(connections, timeoutMs);
      connections.close();
      onClosing();
      await allHeard();
      const { promise: ended, resolve } = Promise.withResolvers<boolean>();
      // Stops listening, as the one of `node:http` does, and leaves the connections alone; done when all have
      // ended.
      Server.prototype.close.call(app.server, () => resolve(true));
      let over = false;
      while (!over) {
        await allHeard();
        closing.look();
        over = await Promise.race([ended, delay(lookEveryMs, false)]);
      }
    });
    done();
  },
  { name: 'last-answers' },
);
