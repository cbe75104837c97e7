import * as schemas from './schemas.ts';

// One hidden route dispatches all requests. Here is what the document says about it.

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
  parameter('Ringpost-Key', 'The key that selects the replica, unless `HASH_KEY` is set to another source.'),
  parameter(
    'Prefer',
    '`respond-async`: answer 202 as soon as the request is durable; `wait=5`: wait for up to 5 s (RFC 7240).',
  ),
  parameter(
    'Idempotency-Key',
    'The same request of the same caller with this key gets the first answer again (IETF draft).',
  ),
  parameter('Ringpost-Retry', 'Whether the request may run again if its replica dies while it runs.', {
    type: 'string',
    enum: ['always', 'never'],
  }),
  parameter('Ringpost-Attempts', 'How often the request may run, if it may be repeated.', {
    type: 'integer',
    minimum: 1,
    maximum: 100,
  }),
  parameter('Ringpost-Delay', 'The request does not run before: seconds, or an HTTP-date.'),
  parameter('Ringpost-Priority', '0 is first, 9 is last.', { type: 'integer', minimum: 0, maximum: 9 }),
  parameter('Ringpost-Deadline', 'The time in ms in which the request has to be finished.', {
    type: 'integer',
    minimum: 1,
  }),
  parameter(
    'Ringpost-Order',
    '`key`: requests with the same key run one at a time. `on-retry=pass`: others may pass one that ' +
      'waits for a retry.',
    {
      type: 'string',
      enum: ['key', 'key; on-retry=pass'],
    },
  ),
  parameter(
    'Ringpost-Affinity',
    '`loose`: if the owner of its key is overloaded, the request goes to a replica that is not. `strict`: it ' +
      'goes to the owner.',
    { type: 'string', enum: ['strict', 'loose'] },
  ),
  parameter(
    'Ringpost-Key-Rate',
    'How many requests with this key and this field may come, such as `10/s`, `60/m` or `1000/h`.',
    { type: 'string', pattern: '^[1-9][0-9]{0,4}/[smh]$' },
  ),
  parameter(
    'Ringpost-Key-Concurrency',
    'The request runs only while fewer requests with this key run; until then it waits.',
    { type: 'integer', minimum: 1, maximum: 100_000 },
  ),
  parameter(
    'Ringpost-Keep',
    '`stream`: an answer that is a stream is kept as it comes, and the request goes on if its client leaves.',
    { type: 'string', enum: ['stream'] },
  ),
  parameter(
    'Ringpost-Callback',
    'The URL that is called when the request ends, with `Prefer: respond-async`.',
    {
      type: 'string',
      format: 'uri',
    },
  ),
  parameter('Ringpost-Failure-Callback', 'The URL that is called instead if the request fails.', {
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
      'Ringpost-Spilled-From': {
        description: 'The owner of the key, if another replica got the request because of the load.',
        schema: { type: 'string' },
      },
    },
    content: { '*/*': { schema: {} } },
  },
  202: {
    description: 'The request is durable, and will run.',
    headers: {
      Location: { description: 'Where to ask about it.', schema: { type: 'string' } },
      'Retry-After': { schema: { type: 'integer' } },
      'Preference-Applied': { schema: { type: 'string' } },
    },
    content: { 'application/json': { schema: schemas.request } },
  },
  400: problem('The request is malformed, or has no hash key.'),
  413: problem('Its body has more than `BODY_LIMIT_BYTES`.'),
  422: problem('Its `Idempotency-Key` was used for another request, or by another caller.'),
  429: {
    ...problem('Too many requests with its key came: ask again after `Retry-After`.'),
    headers: {
      'Retry-After': { schema: { type: 'integer' } },
      'RateLimit-Policy': { description: 'The limits of its key (IETF draft).', schema: { type: 'string' } },
      RateLimit: { description: 'What they allow now.', schema: { type: 'string' } },
    },
  },
  502: problem('It is not known whether the request was done, or its upstream cannot be reached.'),
  503: problem(
    'No replica is ready, too many requests wait, or Redis is away: ask again after `Retry-After`.',
  ),
  504: problem('The request was not answered in time; ask about it at `instance`.'),
};

const callback = (field: string): object => ({
  [`{$request.header.${field}}`]: {
    post: {
      summary: 'The end of a request',
      parameters: [
        parameter('webhook-id', 'The id of the request.'),
        parameter('webhook-timestamp', 'When the message was sent, in seconds since the epoch.'),
        parameter(
          'webhook-signature',
          "One for each of the receiver's keys, separated by spaces (Standard Webhooks).",
        ),
      ],
      requestBody: { content: { 'application/json': { schema: schemas.callbackMessage } } },
      responses: {
        '2XX': { description: 'The message is accepted.' },
        410: { description: 'The receiver does not want the message, and it is not sent again.' },
        default: {
          description:
            'The message is sent again, at most ten times in three days; `Retry-After` is honoured up to ' +
            'a day.',
        },
      },
    },
  },
});

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'] as const;
const withoutBody: ReadonlySet<string> = new Set(['get', 'head', 'options']);

/** @returns the paths of the document for requests that are dispatched. */
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
