import Fastify from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { METHODS } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Socket } from 'node:net';
import { asProblem, Problem, retryAfterSeconds } from '#shared/errors.ts';
import { SparseWarning } from '#shared/sparse-warning.ts';
import { answerClass, noteProblem } from './answers/answer.ts';
import { Refusals } from './answers/refusals.ts';
import { RequestEnds } from './answers/request-ends.ts';
import { logRoutes } from './answers/route-log.ts';
import type { RequestEndsOptions } from './answers/request-ends.ts';
import { Connections } from './connections.ts';
import { problemType } from './routes/problem-response.ts';

/** Bytes that the head of a request may have. */
const headLimitBytes = 64 * 1024;
/** Time that a client has to send its request, in ms. */
const requestTimeoutMs = 300_000;

export interface ListenerOptions extends RequestEndsOptions {
  readonly maxConnections: number;
  readonly bodyLimitBytes: number;
}

/** A port of the gateway: it speaks HTTP, answers problems, and knows its connections. It has no routes yet. */
export interface Listener {
  readonly app: FastifyInstance;
  readonly connections: Connections;
  /** @returns how many connections were closed at once, beyond the limit. */
  readonly refusedCount: () => number;
}

/** Builds a listener; it does not listen yet. */
export function createListener(options: ListenerOptions): Listener {
  const { routeOf, maxConnections, bodyLimitBytes, log } = options;
  const ends = new RequestEnds(options);
  const connections = new Connections();
  const refusals = new Refusals(connections, ends);
  const app = Fastify({
    logger: false,
    // Requests that come in while the gateway closes are served like any other.
    return503OnClosing: false,
    requestTimeout: requestTimeoutMs,
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
    rewriteUrl: routeOf,
    http: {
      maxHeaderSize: headLimitBytes,
      shouldUpgradeCallback: asksForUpgrade,
      // Looked at where requests are dispatched, with a problem for an answer.
      requireHostHeader: false,
      // A request without a body has no stream to be read and ended.
      optimizeEmptyRequests: true,
      ServerResponse: answerClass(ends, (answer) => connections.begin(answer)),
    },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, new Problem('request_malformed', error.message));
    },
    clientErrorHandler: (error, socket) => refuseMalformed(error, socket, refusals),
  });
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  // Fastify would wait for the end of a body that is not there, and has none (optimizeEmptyRequests).
  app.addHook('preParsing', (request, _reply, payload, done) =>
    done(null, request.raw.readableEnded ? Readable.from([]) : payload),
  );
  const refusedConnections = new SparseWarning(log, 'a connection was refused: there are MAX_CONNECTIONS');
  let refusedCount = 0;
  app.server.maxConnections = maxConnections;
  app.server.on('drop', () => {
    refusedCount += 1;
    refusedConnections.warn({});
  });
  connections.attach(app.server);
  logRoutes(app, log);

  app.setErrorHandler((error: FastifyError | Problem, _request, reply) => {
    if (error instanceof Problem) return sendProblem(reply, error);
    if ((error.statusCode ?? 500) < 500)
      return sendProblem(reply, new Problem('request_malformed', error.message));
    return sendProblem(reply, asProblem(error));
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new Problem('not_found', `There is nothing at ${request.method} ${request.originalUrl}.`),
    ),
  );
  app.server.on('checkContinue', (request, response) => {
    // A body that is known to be too large need not be sent.
    if (!(Number(request.headers['content-length']) > bodyLimitBytes)) response.writeContinue();
    app.server.emit('request', request, response);
  });
  app.server.on('connect', ({ socket }) => {
    refusals.refuse(socket, 'method_not_supported', 'CONNECT is not supported.');
  });
  app.server.on('upgrade', ({ socket }) => {
    refusals.refuse(socket, 'upgrade_not_supported', 'Upgrades such as WebSocket are not supported.');
  });
  // The routes look at what they get, and answer as it is: their schemas are for who reads about them.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  return { app, connections, refusedCount: () => refusedCount };
}

/** Answers what could not be parsed as HTTP. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket, refusals: Refusals): void {
  switch (error.code) {
    case 'ECONNRESET':
    // The client has ended its stream within a request, and counts as gone.
    case 'HPE_INVALID_EOF_STATE':
      socket.destroy();
      break;
    case 'HPE_HEADER_OVERFLOW':
      refusals.refuse(socket, 'header_too_large', `The head has more than ${headLimitBytes} bytes.`);
      break;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      refusals.refuse(socket, 'request_timeout', 'The request did not come in time.');
      break;
    default:
      refusals.refuse(socket, 'request_malformed', `The request is not valid HTTP: ${error.message}`);
  }
}

/** HTTP/2 over cleartext is an offer that a server may pass over (RFC 9113 3.1); other upgrades are asked for. */
function asksForUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() !== 'h2c';
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  noteProblem(reply.raw, problem);
  if (problem.status === 503) reply.header('retry-after', retryAfterSeconds);
  return reply
    .code(problem.status)
    .type(problemType)
    .send(Buffer.from(JSON.stringify(problem.details)));
}
