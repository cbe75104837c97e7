import type { FastifySchema } from 'fastify';
import * as schemas from './schemas.ts';

/**
 * What the document says of each of the gateway's own routes. Requests are not checked by these: the routes
 * do that themselves, with problems that say what would be right. That answers are as it is said here is
 * tested.
 */
interface Operation extends FastifySchema {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly Tag[];
  readonly security?: readonly { readonly [scheme: string]: readonly string[] }[];
}

export type Tag = 'replicas' | 'requests' | 'dead letters' | 'callbacks' | 'health';

const admin = [{ adminToken: [] }];

/** An answer's body of another type than JSON. */
function content(type: string, schema: object, description: string): object {
  return { description, content: { [type]: { schema } } };
}

const problemType = 'application/problem+json';
const problem = (description: string): object => content(problemType, schemas.problem, description);
const nothing = (description: string): object => ({ type: 'null', description });
const answer = (schema: object, description: string): object => ({ ...schema, description });

const problems = {
  400: problem('The request is malformed; the detail says what would be right.'),
  401: problem('`Authorization: Bearer <ADMIN_TOKEN>` is missing or wrong.'),
  403: problem('The admin calls are closed on this address.'),
  503: problem('Redis does not answer; ask again after `Retry-After`.'),
};
const failures = {
  400: answer(schemas.failure, 'Nothing was changed; the message says why.'),
  401: answer(schemas.failure, '`Authorization: Bearer <ADMIN_TOKEN>` is missing or wrong.'),
  403: answer(schemas.failure, 'The admin calls are closed on this address.'),
  503: answer(schemas.failure, 'Redis does not answer, or no controller has begun yet.'),
};
const bodyFailures = {
  ...failures,
  413: answer(schemas.failure, 'The body has more than 64 KiB.'),
  415: answer(schemas.failure, 'The body is no JSON.'),
};

const idParameter = {
  type: 'object',
  properties: { id: schemas.requestId },
  required: ['id'],
};
const watched = problem('Redis does not answer, or too many clients wait; ask again after `Retry-After`.');

const waitParameter = {
  wait: { type: 'integer', minimum: 0, description: 'Seconds to wait for its end, 60 at most.' },
};
const filters = {
  replica: { type: 'string' },
  code: { type: 'string', description: 'Why it failed.' },
  since: { type: 'string', format: 'date-time' },
  until: { type: 'string', format: 'date-time' },
};
const all = {
  all: { type: 'string', enum: ['true'], description: 'All of them; needed where there is no filter.' },
};

export const operations = {
  listReplicas: {
    operationId: 'listReplicas',
    summary: 'The replicas that serve requests',
    tags: ['replicas'],
    security: admin,
    response: { 200: answer(schemas.replicas, 'In the order of their joining.'), ...failures },
  },
  addReplicas: {
    operationId: 'addReplicas',
    summary: 'Add replicas, and wait until they serve',
    tags: ['replicas'],
    security: admin,
    body: schemas.replicaChange,
    response: {
      200: answer(schemas.replicas, 'All of them serve.'),
      ...bodyFailures,
      504: answer(schemas.failure, 'Not all serve within `ADD_TIMEOUT_MS`; the rest is on its way.'),
    },
  },
  removeReplicas: {
    operationId: 'removeReplicas',
    summary: 'Remove replicas; they finish what they hold',
    tags: ['replicas'],
    security: admin,
    body: schemas.replicaChange,
    response: { 200: answer(schemas.replicas, 'What is left.'), ...bodyFailures },
  },
  showRing: {
    operationId: 'showRing',
    summary: 'The ring, the states of the replicas, and why a key is where it is',
    tags: ['replicas'],
    security: admin,
    querystring: { type: 'object', properties: { key: { type: 'string' } } },
    response: { 200: answer(schemas.ring, 'As it is now.'), ...problems },
  },
  showRequest: {
    operationId: 'showRequest',
    summary: 'What has become of a request',
    description:
      'With `Accept: text/event-stream` its changes are streamed, each as it is then, until its end. A client that knows ' +
      'the end by its `Last-Event-ID` gets 204, and does not come back.',
    tags: ['requests'],
    params: idParameter,
    querystring: { type: 'object', properties: waitParameter },
    response: {
      200: {
        description: 'As it is now, or when the wait is over.',
        content: {
          'application/json': { schema: schemas.request },
          'text/event-stream': { schema: { type: 'string' } },
        },
      },
      204: { description: 'The client of a stream knows the end already.' },
      400: problems[400],
      404: problem("Nothing is known of it, or not any more, or it is another caller's."),
      503: watched,
    },
  },
  showReply: {
    operationId: 'showReply',
    summary: "The replica's answer, exactly as it would have come",
    tags: ['requests'],
    params: idParameter,
    querystring: { type: 'object', properties: waitParameter },
    response: {
      default: { description: 'Status, fields and bytes of the answer.', content: { '*/*': { schema: {} } } },
      404: problem("Nothing is known of the request, or not any more, or it is another caller's."),
      409: problem('It is not done yet, or was cancelled.'),
      410: problem('The answer was kept for `RESULT_TTL_S`, and is gone.'),
      503: watched,
      504: problem('It was not done by its deadline.'),
    },
  },
  cancelRequest: {
    operationId: 'cancelRequest',
    summary: 'Cancel a request',
    description:
      'A queued one never runs. The `signal` of a running one fires, and it is not begun again, whatever becomes of its ' +
      'worker.',
    tags: ['requests'],
    params: idParameter,
    response: {
      200: answer(schemas.request, 'As it is then; it may have come to its end by itself.'),
      404: problem("Nothing is known of it, or not any more, or it is another caller's."),
      409: problem('It has come to its end already.'),
      503: problems[503],
    },
  },
  listDeadLetters: {
    operationId: 'listDeadLetters',
    summary: 'The requests that have failed for good, the latest first',
    tags: ['dead letters'],
    security: admin,
    querystring: {
      type: 'object',
      properties: {
        ...filters,
        limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
        after: { type: 'string', description: 'Where the page before ended, as its `next` has it.' },
      },
    },
    response: { 200: answer(schemas.deadLetters, 'One page.'), ...problems },
  },
  showDeadLetter: {
    operationId: 'showDeadLetter',
    summary: 'What was kept of a request that has failed for good',
    tags: ['dead letters'],
    security: admin,
    params: idParameter,
    response: {
      200: answer(schemas.deadLetter, 'Request, answer and reason, without secrets.'),
      ...problems,
      404: problem('There is no such letter, or not any more.'),
    },
  },
  redriveDeadLetter: {
    operationId: 'redriveDeadLetter',
    summary: 'Hand a request over again, under a new id',
    description:
      'The body, which may be left out, gives what was not kept; without all of that nothing is changed.',
    tags: ['dead letters'],
    security: admin,
    params: idParameter,
    body: schemas.given,
    response: {
      202: answer(schemas.redriven, 'It is handed over, and the letter is gone.'),
      ...problems,
      404: problem('There is no such letter, or not any more.'),
    },
  },
  redriveDeadLetters: {
    operationId: 'redriveDeadLetters',
    summary: 'Hand all requests over again that a filter means',
    tags: ['dead letters'],
    security: admin,
    querystring: { type: 'object', properties: { ...filters, ...all } },
    body: schemas.given,
    response: {
      202: answer(schemas.redrivenAll, 'What was handed over, and what was refused and stays.'),
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
      204: nothing('It is gone.'),
      ...problems,
      404: problem('There is no such letter, or not any more.'),
    },
  },
  deleteDeadLetters: {
    operationId: 'deleteDeadLetters',
    summary: 'Delete all dead letters that a filter means',
    tags: ['dead letters'],
    security: admin,
    querystring: { type: 'object', properties: { ...filters, ...all } },
    response: { 200: answer(schemas.deleted, 'How many are gone.'), ...problems },
  },
  showReceiverSecrets: {
    operationId: 'showReceiverSecrets',
    summary: 'The keys by which a receiver of callbacks verifies its messages',
    description:
      'Only with an admin token, also on loopback. Messages carry a signature by each of the keys.',
    tags: ['callbacks'],
    security: admin,
    body: schemas.receiver,
    response: {
      200: answer(schemas.receiverSecrets, 'For this origin alone.'),
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
    summary: 'Requests can be dispatched, or why not',
    tags: ['health'],
    response: {
      200: answer(schemas.ready, 'They can; `trouble` says where replicas cannot be started or ended.'),
      503: problem(
        'They cannot: Redis is away, no replica is ready, the first start of the others is waited for, or the ' +
          'settings are not those of the other gateways.',
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

/** A route that the document does not speak of. */
export const hidden: FastifySchema & { readonly hide: true } = { hide: true };
