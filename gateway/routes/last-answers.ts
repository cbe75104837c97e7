import { Server } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import fp from 'fastify-plugin';
import { Problem } from '#shared/contract/errors.ts';
import { noteAborted } from '../http/answer.ts';
import { cutOff, pendingOn } from '../http/connections.ts';
import type { Connection, Connections } from '../http/connections.ts';
import { problemMessage } from '../http/problem-response.ts';

export interface LastAnswersOptions {
  readonly connections: Connections;
  /** Time in ms in which all connections have to be closed. */
  readonly timeoutMs: number;
  /** Called when the app starts to close: ends what would keep connections open. */
  readonly onClosing: () => void;
}

/**
 * Connections without a request are closed this long after the app started to close, in ms. Until then
 * requests may arrive that a busy client had sent already, or sends before it reads that the answer is the
 * last.
 */
const lingerMs = 300;
/** The open connections are checked this often, in ms. */
const pollIntervalMs = 100;
/** An upload of which nothing arrives for this time is refused, in ms. */
const uploadStallMs = 1000;
/**
 * A client that reads nothing of its answer for this time is disconnected, in ms. What the operating system
 * has taken from the gateway counts as read.
 */
const readStallMs = 1000;
/**
 * Everything but requests in flight is ended this long before the time is over, in ms, so that the stop
 * succeeds.
 */
const marginMs = 1000;
/** A turn of the event loop that takes less has accepted no more than a connection, in ms. */
const quietTurnMs = 0.1;
/** After so many turns the gateway stops listening, however busy it is. */
const maxTurns = 100;

/** Resolves when the event loop has accepted all connections, and read all bytes, that had arrived before. */
async function allRead(): Promise<void> {
  // The first one may run before the loop polls the sockets; the second one runs after it.
  await immediate();
  await immediate();
}

/**
 * Resolves in a turn of the event loop that did next to nothing after it had accepted what had arrived. A
 * connection that arrives between that and the end of listening is reset by the operating system, and its
 * client cannot know whether its request was accepted.
 */
async function allAccepted(): Promise<void> {
  for (let turns = 0; turns < maxTurns; turns += 1) {
    const began = performance.now();
    await immediate();
    if (performance.now() - began < quietTurnMs) return;
  }
}

/** Closes each connection as soon as nothing on it has to be finished. */
class LastConnections {
  readonly #connections: Connections;
  readonly #startedAt = performance.now();
  readonly #timeoutMs: number;
  /** The bytes of each upload that have arrived, and since when no more have. */
  readonly #uploads = new Map<Socket, { readonly bytes: number; readonly since: number }>();
  /** The bytes of its answer that each client has read, and since when it has read no more. */
  readonly #readers = new Map<Socket, { readonly bytes: number; readonly since: number }>();

  constructor(connections: Connections, timeoutMs: number) {
    this.#connections = connections;
    this.#timeoutMs = Math.max(0, timeoutMs - marginMs);
  }

  /** Checks all connections once. */
  check(): void {
    const now = performance.now();
    const age = now - this.#startedAt;
    const late = age > this.#timeoutMs;
    for (const [socket, connection] of this.#connections) {
      const pending = pendingOn(connection);
      switch (pending) {
        case 'request':
          // The client sent it before it had read the answer to the request before.
          this.#readers.delete(socket);
          break;
        case 'stream':
          // One that has brought nothing new has nothing to be read either.
          if (socket.writableLength === 0) this.#readers.delete(socket);
          if (late || (socket.writableLength > 0 && this.#readsNothing(socket, now)))
            breakOff(socket, connection);
          break;
        case 'nothing':
          if (age > lingerMs || late) socket.destroy();
          break;
        case 'upload':
          // It was refused, but the client does not read the answer before.
          if (socket.writableEnded && (late || this.#readsNothing(socket, now))) cutOff(socket, connection);
          else if (late || this.#stalled(socket, now)) refuse(socket, connection);
          break;
        case 'answer':
          if (late || this.#readsNothing(socket, now)) cutOff(socket, connection);
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

  #readsNothing(socket: Socket, now: number): boolean {
    const bytes = socket.bytesWritten - socket.writableLength;
    const before = this.#readers.get(socket);
    if (before?.bytes === bytes) return now - before.since > readStallMs;
    this.#readers.set(socket, { bytes, since: now });
    return false;
  }
}

/** Breaks off a stream, so that its client cannot take it for complete. */
function breakOff(socket: Socket, { last }: Connection): void {
  for (let answer = last; answer !== undefined; answer = answer.before) noteAborted(answer, 'stop');
  socket.resetAndDestroy();
}

/**
 * A request whose body has not arrived whole was not accepted. The client may send it again, to another
 * gateway.
 */
function refuse(socket: Socket, { last }: Connection): void {
  // Written only if it is sent at once: no byte of the body is read between the answer and the connection's
  // end.
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
 * Once the app closes, no connection is accepted, and the last answer on each connection says so
 * (`Connection: close`). Connections without a request in flight are closed a moment later: those that are
 * idle or unused, or have only part of a head, stalled uploads, and clients that do not read their answer.
 *
 * Node's own `close` ends idle connections at once, and loses requests that are on their way. It also waits
 * for connections on which nothing, or only half a request, has ever arrived.
 */
export const lastAnswers = fp<LastAnswersOptions>(
  (app, { connections, timeoutMs, onClosing }, done) => {
    app.addHook('preClose', async () => {
      const closing = new LastConnections(connections, timeoutMs);
      connections.close();
      onClosing();
      await allRead();
      await allAccepted();
      const { promise: ended, resolve } = Promise.withResolvers<boolean>();
      // Stops listening, as the one of `node:http` does, but leaves the connections alone. Done when all have
      // ended.
      Server.prototype.close.call(app.server, () => resolve(true));
      let over = false;
      while (!over) {
        await allRead();
        closing.check();
        over = await Promise.race([ended, delay(pollIntervalMs, false)]);
      }
    });
    done();
  },
  { name: 'last-answers' },
);
