import Fastify from 'fastify';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';
import { asProblem, Problem, retryAfterSeconds } from '#shared/contract/errors.ts';
import { http } from '#shared/contract/node-http.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import { answerClass, noteBody, noteProblem, noteTarget } from './answer.ts';
import { Refusals } from './refusals.ts';
import { RequestEnds } from './request-ends.ts';
import { logRoutes } from './route-log.ts';
import type { RequestEndsOptions } from './request-ends.ts';
import { Connections } from './connections.ts';
import { headFault } from '../edge/head-fault.ts';
import { isUnread, problemType, writeProblem } from './problem-response.ts';

/** Time in ms in which a client has to send its request. */
const requestTimeoutMs = 300_000;

type SchemaCompilers = NonNullable<FastifyServerOptions['schemaController']>['compilersFactory'];

/** The routes check what they get; their schemas are for the document. Fastify would load Ajv for them. */
const schemaCompilers = {
  buildValidator: () => () => () => true,
  buildSerializer: () => () => (answer: unknown) => JSON.stringify(answer),
} as unknown as NonNullable<SchemaCompilers>; // the type wants all that Ajv's own functions have

export interface ListenerOptions extends RequestEndsOptions {
  readonly maxConnections: number;
  readonly bodyLimitBytes: number;
  /** Bytes and fields that the head of a request may have. */
  readonly headLimitBytes: number;
  readonly headLimitFields: number;
}

/**
 * A port of the gateway: it speaks HTTP, answers with problems, and tracks its connections. It has no routes
 * yet.
 */
export interface Listener {
  readonly app: FastifyInstance;
  readonly connections: Connections;
  /** @returns how many connections were closed at once, beyond the limit. */
  readonly refusedCount: () => number;
}

/** Builds a listener; it does not listen yet. */
export function createListener(options: ListenerOptions): Listener {
  const ends = new RequestEnds(options);
  const connections = new Connections();
  const refusals = new Refusals(connections, ends, options.headLimitBytes);
  const app = createApp(options, ends, connections, refusals);
  checkRequests(app, options);
  const refusedCount = limitConnections(app, options);
  connections.attach(app.server);
  logRoutes(app, options.log);
  answerFaults(app, refusals);
  return { app, connections, refusedCount };
}

function createApp(
  { routeOf, headLimitBytes }: ListenerOptions,
  ends: RequestEnds,
  connections: Connections,
  refusals: Refusals,
): FastifyInstance {
  const app = Fastify({
    logger: false,
    // All plugins are ours, and wait for files at most. On a busy machine that may take over ten seconds.
    pluginTimeout: 0,
    // Requests that arrive while the gateway closes are served like any other.
    return503OnClosing: false,
    requestTimeout: requestTimeoutMs,
    routerOptions: { ignoreTrailingSlash: false, caseSensitive: true },
    rewriteUrl: routeOf,
    schemaController: { compilersFactory: schemaCompilers },
    http: {
      maxHeaderSize: headLimitBytes,
      // `headFault` checks it, and answers with a problem.
      requireHostHeader: false,
      ServerResponse: answerClass(ends, (answer) => connections.begin(answer)),
    },
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, new Problem('request_malformed', error.message));
    },
    clientErrorHandler: (error, socket) => refusals.malformed(error, socket),
  });
  for (const method of http.METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  return app;
}

/** Checks the head of each request before its route does. */
function checkRequests(app: FastifyInstance, { headLimitFields, bodyLimitBytes }: ListenerOptions): void {
  // Node would refuse too many fields as it refuses too many bytes. `headFault` counts them, and says so.
  app.server.maxHeadersCount = 0;
  app.addHook('onRequest', ({ raw, originalUrl }, reply, done) => {
    noteTarget(reply.raw, originalUrl);
    const fault = headFault(raw, originalUrl, headLimitFields);
    // After such a head the gateway may misunderstand what follows, so the connection ends.
    if (fault !== undefined) reply.raw.shouldKeepAlive = false;
    done(fault);
  });
  app.server.on('checkContinue', (request, response) => {
    // If the request is refused in any case, its body need not be sent.
    const isRefused =
      Number(request.headers['content-length']) > bodyLimitBytes ||
      headFault(request, request.url ?? '', headLimitFields) !== undefined;
    if (!isRefused) response.writeContinue();
    app.server.emit('request', request, response);
  });
  // Node's own answer has no body; `headFault` answers with a problem.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

/** @returns a function that returns how many connections were closed at once. */
function limitConnections(app: FastifyInstance, { maxConnections, log }: ListenerOptions): () => number {
  const warning = new SparseWarning(log, 'a connection was refused: there are MAX_CONNECTIONS');
  let refusedCount = 0;
  app.server.maxConnections = maxConnections;
  app.server.on('drop', () => {
    refusedCount += 1;
    warning.warn({});
  });
  return () => refusedCount;
}

/** Answers failures, unknown paths and CONNECT with problems. */
function answerFaults(app: FastifyInstance, refusals: Refusals): void {
  app.setErrorHandler((error: FastifyError | Problem, request, reply) => {
    if (error instanceof Problem) return sendProblem(request, reply, error);
    if ((error.statusCode ?? 500) < 500)
      return sendProblem(request, reply, new Problem('request_malformed', error.message));
    return sendProblem(request, reply, asProblem(error));
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `There is nothing at ${request.method} ${request.originalUrl}.`;
    return sendProblem(request, reply, new Problem('not_found', detail));
  });
  // Node emits it only for CONNECT. Since nobody listens to `upgrade`, other offers are requests like any
  // other.
  app.server.on('connect', ({ socket }) => {
    refusals.refuse(socket, new Problem('method_not_supported', 'CONNECT is not supported.'));
  });
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const { raw } = request;
  if (!isUnread(raw)) {
    const body = Buffer.from(JSON.stringify(problem.details));
    noteProblem(reply.raw, problem);
    noteBody(reply.raw, body.length);
    if (problem.status === 503) reply.header('retry-after', retryAfterSeconds);
    return reply.code(problem.status).type(problemType).send(body);
  }
  reply.hijack();
  const headers = Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]);
  writeProblem(reply.raw, problem, headers.flat());
  return reply;
}
