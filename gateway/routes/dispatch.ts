import type { IncomingMessage, ServerResponse } from 'node:http';
import fp from 'fastify-plugin';
import type { Redaction } from '#shared/contract/redaction.ts';
import { asProblem } from '#shared/contract/errors.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import { peerAddress } from '#shared/contract/ip-address.ts';
import { dispatchRoute } from '../http/sides.ts';
import type { Connections } from '../http/connections.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { forwardedHead } from '../request/request-head.ts';
import type { ForwardingRules } from '../request/request-head.ts';
import { answerHere, endsHere } from '../edge/max-forwards.ts';
import { originForm } from '../edge/request-target.ts';
import { hidden } from '../openapi/operations.ts';
import type { KeyRateLimit } from '../limits/key-rate-limit.ts';
import { setRateFields } from '../limits/rate-fields.ts';
import { readBody } from '../request/request-body.ts';
import { isAsync } from '../request/parsed-request.ts';
import type { RequestParser } from '../request/request-parser.ts';
import type { Uploads } from '../request/uploads.ts';
import { answerAsync } from './async-answer.ts';
import type { AsyncAnswerOptions } from './async-answer.ts';
import { noteRequest, noteTrace } from '../http/answer.ts';
import { writeProblem } from '../http/problem-response.ts';
import { ServerSpan } from '../trace/server-span.ts';
import type { StreamMemory } from '../streams/stream-memory.ts';
import { DispatchedAnswer } from './dispatched-answer.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface DispatchRouteOptions {
  readonly dispatcher: Dispatcher;
  readonly keyRateLimit: KeyRateLimit;
  readonly connections: Connections;
  readonly bodyLimitBytes: number;
  readonly uploads: Uploads;
  readonly unsent: UnsentAnswers;
  readonly streamMemory: StreamMemory;
  readonly async: AsyncAnswerOptions;
  readonly forwarding: ForwardingRules;
  readonly parser: RequestParser;
  /** Undefined if no OpenTelemetry SDK is loaded. */
  readonly telemetry: Telemetry | undefined;
  /** What the answer to a TRACE does not show. */
  readonly redaction: Redaction;
}

/**
 * Dispatches every method and target that is not the gateway's own. It does not use Fastify's parsing of
 * bodies, which would refuse content types and bodies that the replica may understand.
 */
export const dispatchRoutes = fp<DispatchRouteOptions>(
  (app, options, done) => {
    app.route({
      method: app.supportedMethods,
      url: dispatchRoute,
      exposeHeadRoute: false,
      schema: hidden,
      onRequest: (request, reply) => {
        reply.hijack();
        dispatch(request.raw, reply.raw, request.originalUrl, options).catch((error: unknown) => {
          writeProblem(reply.raw, asProblem(error));
        });
      },
      // Never called: the hook above has hijacked the reply.
      handler: () => undefined,
    });
    done();
  },
  { name: 'dispatch-routes' },
);

async function dispatch(
  raw: IncomingMessage,
  response: ServerResponse,
  url: string,
  options: DispatchRouteOptions,
): Promise<void> {
  const { dispatcher, keyRateLimit, bodyLimitBytes, uploads, parser, telemetry } = options;
  const span = telemetry && ServerSpan.begin(telemetry, raw, url);
  if (span !== undefined) noteTrace(response, span);
  const reading = readBody(raw, bodyLimitBytes, uploads);
  const body = reading instanceof Promise ? await reading : reading;
  const { socket } = raw;
  if (socket.destroyed) return;
  const { headers, ip } = forwardedHead(raw, peerAddress(socket), options.forwarding);
  const method = raw.method ?? 'GET';
  if (endsHere(method, headers)) {
    answerHere(raw, url, response, options.redaction);
    return;
  }
  const emptyChunked = body.length === 0 && raw.headers['transfer-encoding'] !== undefined;
  const target = originForm(method, url);
  const carried = span?.carriedIn(headers) ?? headers;
  const request = { method, target, headers: carried, body, ...(emptyChunked && { emptyChunked }) };
  const parsed = parser.parse(request, ip, dispatcher.now);
  noteRequest(response, parsed);
  if (isAsync(parsed)) {
    await answerAsync(options.async, parsed, response);
    return;
  }
  // A request that would be refused anyway is not counted.
  if (keyRateLimit.appliesTo(parsed) && dispatcher.select(parsed).refusal === undefined) {
    await keyRateLimit.admit(parsed, (fields) => setRateFields(response, fields));
    if (socket.destroyed) return;
  }
  const answer = new DispatchedAnswer(response, method, options);
  const id = dispatcher.dispatch(parsed, answer);
  if (!answer.isOver) answer.waitFor(id);
}
