import * as schemas from './schemas.ts';

/** Everything that is dispatched stands behind one hidden route; this is what the document says of it. */

const parameter = (name: string, description: string, schema: object = { type: 'string' }): object => ({
  in: 'header',
  name,
  description,
  schema,
});

const problem = (description: string): object => ({
  description,
  content: { 'application/problem+json': { schema: schemas.problem } },
});

const parameters = [
  {
    in: 'path',
    name: 'path',
    required: true,
    description: 'Any path, slashes included.',
    schema: { type: 'string' },
  },
  parameter('Ringpost-Key', 'The key that selects the replica, where `HASH_KEY` is not set otherwise.'),
  parameter(
    'Prefer',
    '`respond-async`: 202 as soon as it is durable; `wait=5`: how long to wait, in seconds (RFC 7240).',
  ),
  parameter(
    'Idempotency-Key',
    'The same request of the same caller under it gets the first answer again (IETF draft).',
  ),
  parameter('Ringpost-Retry', 'Whether it may run again when its replica dies while running it.', {
    type: 'string',
    enum: ['always', 'never'],
  }),
  parameter('Ringpost-Attempts', 'How often it is run at most, where that is safe.', {
    type: 'integer',
    minimum: 1,
    maximum: 100,
  }),
  parameter('Ringpost-Delay', 'Not to be run before: seconds, or an HTTP-date.'),
  parameter('Ringpost-Priority', '0 is first, 9 is last.', { type: 'integer', minimum: 0, maximum: 9 }),
  parameter('Ringpost-Deadline', 'The time in ms in which it has to be done.', {
    type: 'integer',
    minimum: 1,
  }),
  parameter(
    'Ringpost-Order',
    '`key`: the requests of one key run one at a time; others may pass on a retry.',
    {
      type: 'string',
      enum: ['key', 'key; on-retry=pass'],
    },
  ),
  parameter('Ringpost-Callback', 'Where its end is told, with `Prefer: respond-async`.', {
    type: 'string',
    format: 'uri',
  }),
  parameter('Ringpost-Failure-Callback', 'Where it is told instead that it was not done.', {
    type: 'string',
    format: 'uri',
  }),
];

const responses = {
  default: {
    description: "The replica's answer: status, fields and bytes.",
    headers: {
      'Ringpost-Replica': { schema: { type: 'string' } },
      'Ringpost-Request': { schema: schemas.requestId },
    },
    content: { '*/*': { schema: {} } },
  },
  202: {
    description: 'It is durable, and will be done.',
    headers: {
      Location: { description: 'Where to ask about it.', schema: { type: 'string' } },
      'Retry-After': { schema: { type: 'integer' } },
      'Preference-Applied': { schema: { type: 'string' } },
    },
    content: { 'application/json': { schema: schemas.request } },
  },
  400: problem('It is malformed, or carries no hash key.'),
  413: problem('Its body has more than `BODY_LIMIT_BYTES`.'),
  422: problem('Its `Idempotency-Key` was used for another request, or by another caller.'),
  502: problem('Whether it was done is not known; or its upstream cannot be reached.'),
  503: problem('No replica is ready, too much waits, or Redis is away: ask again after `Retry-After`.'),
  504: problem('It was not answered in time; `instance` is where to ask about it.'),
};

const callback = (field: string): object => ({
  [`{$request.header.${field}}`]: {
    post: {
      summary: 'The end of a request',
      parameters: [
        parameter('webhook-id', 'The id of the request.'),
        parameter('webhook-timestamp', 'When this was sent, in seconds since the epoch.'),
        parameter(
          'webhook-signature',
          "One for each of the receiver's keys, separated by spaces (Standard Webhooks).",
        ),
      ],
      requestBody: { content: { 'application/json': { schema: schemas.callbackMessage } } },
      responses: {
        '2XX': { description: 'It is taken.' },
        410: { description: 'It is not wanted any more, and not sent again.' },
        default: {
          description:
            'It is sent again, ten times in three days at most; `Retry-After` is honoured up to a day.',
        },
      },
    },
  },
});

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'] as const;
const withoutBody: ReadonlySet<string> = new Set(['get', 'head', 'options']);

/** @returns the paths of the document that are dispatched. */
export function dispatchPaths(): Record<string, object> {
  const operation = (method: string): object => ({
    operationId: `${method}Dispatched`,
    summary: 'Dispatch a request to the replica of its key',
    tags: ['dispatch'],
    parameters,
    ...(withoutBody.has(method) ? {} : { requestBody: { content: { '*/*': { schema: {} } } } }),
    responses,
    callbacks: {
      end: callback('Ringpost-Callback'),
      failure: callback('Ringpost-Failure-Callback'),
    },
  });
  return { '/{path}': Object.fromEntries(methods.map((method) => [method, operation(method)])) };
}
