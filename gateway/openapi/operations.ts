import type { FastifySchema } from 'fastify';
import { admin, answer, content, nothing, problem, problems } from './answers.ts';
import type { Operation } from './answers.ts';
import { durableParameters, replyFields } from './reply-parameters.ts';
import { preview } from './request-schemas.ts';
import { ring } from './ring-schemas.ts';
import * as schemas from './schemas.ts';

const failures = {
  400: answer(schemas.failure, 'Nothing was changed; the message says why.'),
  401: answer(schemas.failure, '`Authorization: Bearer <ADMIN_TOKEN>` is missing or wrong.'),
  403: answer(schemas.failure, 'The admin calls are closed on this address.'),
  503: answer(schemas.failure, 'Redis does not answer, or no controller has started yet.'),
};
const bodyFailures = {
  ...failures,
  413: answer(schemas.failure, 'The body has more than 64 KiB.'),
  415: answer(schemas.failure, 'The body is not JSON.'),
};

const idParameter = {
  type: 'object',
  properties: { id: schemas.requestId },
  required: ['id'],
};
const watched = problem('Redis does not answer, or too many clients wait; ask again after `Retry-After`.');

const waitParameter = {
  wait: { type: 'integer', minimum: 0, description: 'Seconds to wait for its end, at most 60.' },
};
const filters = {
  replica: { type: 'string' },
  code: { type: 'string', description: 'Why it failed.' },
  since: { type: 'string', format: 'date-time' },
  until: { type: 'string', format: 'date-time' },
};
const all = {
  all: { type: 'string', enum: ['true'], description: 'All of them; required if there is no filter.' },
};

const dryRun = {
  'dry-run': { type: 'string', enum: ['true', 'false'], description: 'Only says what would happen.' },
};

export const operations = {
  listReplicas: {
    operationId: 'listReplicas',
    summary: 'The replicas that serve requests',
    tags: ['replicas'],
    security: admin,
    response: { 200: answer(schemas.replicas, 'In the order in which they joined.'), ...failures },
  },
  addReplicas: {
    operationId: 'addReplicas',
    summary: 'Add replicas, and wait until they serve',
    tags: ['replicas'],
    security: admin,
    body: schemas.replicaAddition,
    response: {
      200: answer(schemas.replicas, 'All of them serve.'),
      ...bodyFailures,
      504: answer(schemas.failure, 'Not all serve within `ADD_TIMEOUT_MS`; the others are still starting.'),
    },
  },
  removeReplicas: {
    operationId: 'removeReplicas',
    summary: 'Remove replicas; they finish the requests that they have',
    tags: ['replicas'],
    security: admin,
    body: schemas.replicaChange,
    response: { 200: answer(schemas.replicas, 'The replicas that are left.'), ...bodyFailures },
  },
  showRing: {
    operationId: 'showRing',
    summary: 'The ring, the states of the replicas, and why a key is where it is',
    tags: ['replicas'],
    security: admin,
    querystring: { type: 'object', properties: { key: { type: 'string' } } },
    response: { 200: answer(ring, 'As it is now.'), ...problems },
  },
  showRequest: {
    operationId: 'showRequest',
    summary: 'The state of a request',
    description:
      'With `Accept: text/event-stream` each change of the request is streamed until its end. A client ' +
      'whose `Last-Event-ID` is that of the end gets 204, and does not reconnect.',
    tags: ['requests'],
    params: idParameter,
    querystring: { type: 'object', properties: waitParameter },
    response: {
      200: {
        description: 'The request as it is now, or at the end of the wait.',
        content: {
          'application/json': { schema: schemas.request },
          'text/event-stream': { schema: { type: 'string' } },
        },
      },
      204: { description: 'The client of a stream has read the end already.' },
      400: problems[400],
      404: problem("It is unknown or expired, or it is another caller's."),
      503: watched,
    },
  },
  showReply: {
    operationId: 'showReply',
    summary: "The replica's answer, byte for byte",
    description:
      'An answer that streams is followed live, from its start or from where the client says. With `offset` ' +
      'the call is one of the Durable Streams protocol, read side.',
    tags: ['requests'],
    params: idParameter,
    headers: replyFields,
    querystring: { type: 'object', properties: { ...waitParameter, ...durableParameters } },
    response: {
      default: { description: 'Status, fields and bytes of the answer.', content: { '*/*': { schema: {} } } },
      204: nothing('There are no more events, or, for a long poll, no more bytes for now.'),
      206: { description: 'The bytes of the range that are there.', content: { '*/*': { schema: {} } } },
      304: nothing('The client has this piece already.'),
      400: problem('The offset is none, or past the end.'),
      404: problem("The request is unknown or expired, or it is another caller's."),
      409: problem('The request is not finished, or was cancelled.'),
      410: problem('The answer was kept for `RESULT_TTL_S`, and has expired.'),
      416: problem('The part begins past the end.'),
      503: watched,
      504: problem('The request was not finished by its deadline.'),
    },
  },
  cancelRequest: {
    operationId: 'cancelRequest',
    summary: 'Cancel a request',
    description:
      'A queued request never runs. If the request is running, its `signal` fires, and it is not started ' +
      'again, whatever happens to its worker.',
    tags: ['requests'],
    params: idParameter,
    response: {
      200: answer(schemas.request, 'The request as it is afterwards; it may have ended by itself.'),
      404: problem("It is unknown or expired, or it is another caller's."),
      409: problem('The request has ended already.'),
      503: problems[503],
    },
  },
  listDeadLetters: {
    operationId: 'listDeadLetters',
    summary: 'The requests that failed for good, newest first',
    tags: ['dead letters'],
    security: admin,
    querystring: {
      type: 'object',
      properties: {
        ...filters,
        limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
        after: { type: 'string', description: 'Where the last page ended, from its `next`.' },
      },
    },
    response: { 200: answer(schemas.deadLetters, 'One page.'), ...problems },
  },
  showDeadLetter: {
    operationId: 'showDeadLetter',
    summary: 'What was kept of a request that failed for good',
    tags: ['dead letters'],
    security: admin,
    params: idParameter,
    response: {
      200: answer(schemas.deadLetter, 'Request, answer and reason, without secrets.'),
      ...problems,
      404: problem('There is no such dead letter, or it has expired.'),
    },
  },
  redriveDeadLetter: {
    operationId: 'redriveDeadLetter',
    summary: 'Redrive a request: accept it again, under a new id',
    description:
      'The optional body gives what was not kept. If anything of that is missing, nothing is changed.',
    tags: ['dead letters'],
    security: admin,
    params: idParameter,
    body: schemas.given,
    response: {
      202: answer(schemas.redriven, 'The request is accepted, and the dead letter is deleted.'),
      ...problems,
      404: problem('There is no such dead letter, or it has expired.'),
    },
  },
  redriveDeadLetters: {
    operationId: 'redriveDeadLetters',
    summary: 'Redrive all requests that match a filter',
    tags: ['dead letters'],
    security: admin,
    querystring: { type: 'object', properties: { ...filters, ...all, ...dryRun } },
    body: schemas.given,
    response: {
      200: answer(preview, 'With `dry-run=true`: what would be redriven.'),
      202: answer(
        schemas.redrivenAll,
        'The requests that were accepted, and those that were refused and stay.',
      ),
      ...problems,
    },
  },
  deleteDeadLetter: {
    operationId: 'deleteDeadLetter',
    summary: 'Delete a dead letter',
    tags: ['dead letters'],
    security: admin,
    params: idParameter,
    response: {
      204: nothing('It is deleted.'),
      ...problems,
      404: problem('There is no such dead letter, or it has expired.'),
    },
  },
  deleteDeadLetters: {
    operationId: 'deleteDeadLetters',
    summary: 'Delete all dead letters that match a filter',
    tags: ['dead letters'],
    security: admin,
    querystring: { type: 'object', properties: { ...filters, ...all, ...dryRun } },
    response: {
      200: {
        description: 'How many were deleted; with `dry-run=true`, what would be.',
        content: { 'application/json': { schema: { anyOf: [schemas.deleted, preview] } } },
      },
      ...problems,
    },
  },
  showReceiverSecrets: {
    operationId: 'showReceiverSecrets',
    summary: 'The keys with which a receiver of callbacks verifies its messages',
    description:
      'Always needs an admin token, even on loopback. Messages carry a signature by each of the keys.',
    tags: ['callbacks'],
    security: admin,
    body: schemas.receiver,
    response: {
      200: answer(schemas.receiverSecrets, 'Only for this origin.'),
      ...problems,
      403: problem('No `ADMIN_TOKEN` is set, or the admin calls are closed on this address.'),
      404: problem('`CALLBACK_SECRET` is not set.'),
    },
  },
  showLive: {
    operationId: 'showLive',
    summary: 'The gateway answers',
    tags: ['health'],
    response: { 200: answer(schemas.live, 'It does.') },
  },
  showReady: {
    operationId: 'showReady',
    summary: 'Whether requests can be dispatched, or why not',
    tags: ['health'],
    response: {
      200: answer(schemas.ready, 'They can. `trouble` says why replicas cannot be started or ended, if so.'),
      503: problem(
        'They cannot: Redis is away, no replica is ready, the gateway waits for the first start of the ' +
          'others, or its settings are not those of the other gateways.',
      ),
    },
  },
  showMetrics: {
    operationId: 'showMetrics',
    summary: 'Metrics for Prometheus',
    tags: ['health'],
    response: { 200: content('text/plain', { type: 'string' }, 'In the text format of Prometheus.') },
  },
} as const satisfies Record<string, Operation>;

/** A route that the document does not mention. */
export const hidden: FastifySchema & { readonly hide: true } = { hide: true };
