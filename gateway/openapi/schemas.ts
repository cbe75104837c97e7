import { catalogue } from '#shared/contract/errors.ts';
import { callbackStates, finalStates, requestStates } from '#shared/contract/request-record.ts';
import { replicaNamePattern } from '#shared/contract/replica-name.ts';
import { maxWeight } from '#shared/contract/max-weight.ts';
import { count, object, text } from './schema-parts.ts';

/** JSON schemas of the gateway's own requests and answers; `shared/contract/views.ts` has them as types. */

const time = { type: ['string', 'null'], format: 'date-time' };
const durationMs = { type: ['integer', 'null'], description: 'ms' };
const status = { type: 'integer', minimum: 100, maximum: 999 };
const replica = { type: 'string', pattern: replicaNamePattern.source, examples: ['S1'] };
const link = { type: 'string', description: 'A path.' };
export const requestId = {
  type: 'string',
  description: 'A request id, which cannot be guessed.',
  examples: ['4f1c2a1e-7a0b-4e06-9a55-3c1f5e0d8a11.S1'],
};

export const problem = object(
  {
    type: { const: 'about:blank' },
    title: text,
    status,
    detail: { type: 'string', description: 'What is wrong, and what is right.' },
    code: { type: 'string', enum: Object.keys(catalogue), description: 'Stable, for programs.' },
    instance: { type: 'string', description: 'Where to ask about this occurrence.' },
  },
  ['instance'],
  { description: 'RFC 9457 problem details.' },
);

const callback = object(
  {
    state: { type: 'string', enum: callbackStates },
    attempts: count,
    answer: {
      type: 'string',
      description: 'The result of the last attempt: a status, or the code of an error.',
    },
  },
  ['answer'],
);

const requestProperties = {
  id: requestId,
  state: { type: 'string', enum: requestStates },
  method: text,
  target: { type: 'string', description: 'Path and query.' },
  replica,
  spilledFrom: {
    ...text,
    description: 'The owner of its key, if another replica was selected because of the load.',
  },
  attempts: { ...count, description: 'How often a worker has started it.' },
  status: { ...status, description: 'The status of its answer.' },
  code: { type: 'string', description: 'Why it failed: the code of a problem, or http_<status>.' },
  callback,
  waiting: { type: 'string', description: 'Why it waits, if that is not only for a free slot.' },
  times: object({
    accepted: time,
    started: { ...time, description: 'When it was last started.' },
    finished: time,
    deadline: time,
    queueMs: durationMs,
    serviceMs: durationMs,
  }),
  links: object({ self: link, reply: link, cancel: link }, ['cancel']),
};
export const request = object(requestProperties, ['spilledFrom', 'status', 'code', 'callback', 'waiting']);

const messageProperties = {
  headers: {
    type: 'array',
    description: 'Name and value in pairs, as `new Headers()` takes them.',
    items: { type: 'array', items: text, minItems: 2, maxItems: 2 },
  },
  encoding: {
    type: 'string',
    enum: ['utf8', 'base64', 'none'],
    description: 'The encoding of the body; `none`: it was not kept.',
  },
  body: text,
};
const replyMessage = { ...object({ status, ...messageProperties }), type: ['object', 'null'] };

const { callback: _, waiting: __, ...toldProperties } = requestProperties;
export const callbackMessage = object(
  {
    type: {
      type: 'string',
      enum: [...finalStates].map((state) => `request.${state}`),
    },
    timestamp: { type: 'string', format: 'date-time' },
    data: object({ ...toldProperties, reply: replyMessage }, ['spilledFrom', 'status', 'code']),
  },
  [],
  { description: 'Signed as Standard Webhooks says. `webhook-id` is the same each time it is sent.' },
);

const letterProperties = {
  id: requestId,
  replica,
  state: { type: 'string', enum: ['failed', 'expired'] },
  code: text,
  status,
  method: text,
  target: text,
  attempts: count,
  times: object({ accepted: time, ended: time }),
  links: object({ self: link, redrive: link }),
};
export const deadLetters = object({
  letters: { type: 'array', items: object(letterProperties, ['status']), description: 'Newest first.' },
  next: { type: ['string', 'null'], description: 'The path of the next page.' },
});
export const deadLetter = object(
  {
    ...letterProperties,
    request: { ...object(messageProperties), type: ['object', 'null'] },
    reply: replyMessage,
    missingHeaders: {
      type: 'array',
      items: text,
      description: 'Names of the fields whose values were not kept; a redrive needs them.',
    },
    missingQuery: {
      type: 'array',
      items: text,
      description: 'Names of the query parameters whose values were not kept.',
    },
  },
  ['status'],
);
export const redriven = object({ letter: requestId, request: requestId, links: object({ request: link }) });
export const redrivenAll = object({
  redriven: { type: 'array', items: object({ letter: requestId, request: requestId }) },
  refused: { type: 'array', items: object({ letter: requestId, code: text, detail: text }) },
  more: { type: 'boolean', description: 'More letters match than one call takes; call again.' },
});
export const deleted = object({ deleted: count, more: { type: 'boolean' } });
const givenValues = { type: 'object', additionalProperties: { type: ['string', 'null'] } };
export const given = object(
  {
    headers: {
      ...givenValues,
      description: 'Values of header fields; null omits a field that was not kept.',
    },
    query: {
      ...givenValues,
      description: 'Values of query parameters that were not kept; null omits a parameter.',
    },
    body: { type: 'string', description: 'Replaces the body that was kept, if any.' },
    encoding: { type: 'string', enum: ['utf8', 'base64'], default: 'utf8' },
  },
  ['headers', 'query', 'body', 'encoding'],
);

export const receiver = object({
  origin: { type: 'string', description: 'Scheme, host and port.', examples: ['https://receiver.example'] },
});
export const receiverSecrets = object({
  origin: { type: 'string', description: 'In normal form: in lower case, without a default port.' },
  secrets: {
    type: 'array',
    items: { type: 'string', pattern: '^whsec_' },
    description: 'One for each of `CALLBACK_SECRET`, in its order (Standard Webhooks).',
  },
});

export const replicas = object({
  message: object({ N: count, replicas: { type: 'array', items: replica } }),
  status: { const: 'successful' },
});
const changedReplicas = {
  n: { type: 'integer', minimum: 1 },
  hostnames: { type: 'array', items: replica },
};
export const replicaChange = object(changedReplicas, ['hostnames']);
export const replicaAddition = object(
  {
    ...changedReplicas,
    weights: {
      type: 'object',
      additionalProperties: { type: 'integer', minimum: 1, maximum: maxWeight },
      description:
        'Of listed hostnames; 1 if one is left out. A replica of the weight 2 gets twice the keys.',
      examples: [{ S9: 2 }],
    },
  },
  ['hostnames', 'weights'],
);
export const failure = object({
  message: {
    type: 'string',
    examples: ['<Error> Length of hostname list is more than newly added instances'],
  },
  status: { const: 'failure' },
});
export const live = object({ status: { const: 'live' } });
export const ready = object(
  { status: { const: 'ready' }, replicas: { type: 'array', items: replica }, trouble: text },
  ['trouble'],
);
