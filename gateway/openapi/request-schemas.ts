import { timelineKinds } from '#shared/contract/api/requests.ts';
import { callbackStates, requestStates } from '#shared/contract/request-record.ts';

/**
 * JSON schemas of what `/-/api` answers about requests; `shared/contract/api/requests.ts` has them as types.
 */

/** @returns a schema of an object with these properties, all required. */
function object(properties: Record<string, object>): object {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const list = (items: object): object => ({ type: 'array', items });
const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const count = { type: 'integer', minimum: 0 };
const countOrNull = { type: ['integer', 'null'], minimum: 0 };
const at = { type: 'integer', description: 'In ms since the epoch.' };
const atOrNull = { ...at, type: ['integer', 'null'] };
const ms = { type: 'number', minimum: 0 };
const msOrNull = { type: ['number', 'null'] };
const next = { ...textOrNull, description: 'The path of the next page; null on the last one.' };
const shownId = { ...text, description: 'The id; for a viewer its first digits and `…`.' };

const callbackProperties = {
  state: { type: 'string', enum: callbackStates },
  attempts: count,
  answer: { ...text, description: 'What the last attempt brought: a status, or the code of an error.' },
};
const callbackRecord = {
  type: ['object', 'null'],
  properties: callbackProperties,
  required: ['state', 'attempts'],
  additionalProperties: false,
};

const requestProperties = {
  id: shownId,
  self: { ...text, description: 'The path of its timeline.' },
  state: { type: 'string', enum: requestStates },
  method: text,
  path: { ...text, description: 'Without the query.' },
  replica: text,
  accepted: at,
  started: atOrNull,
  finished: atOrNull,
  attempts: count,
  status: countOrNull,
  code: textOrNull,
  callback: callbackRecord,
  keyDigest: textOrNull,
};

const liveProperties = {
  id: shownId,
  at,
  method: text,
  path: { ...text, description: 'Without the query.' },
  replica: textOrNull,
  status: count,
  code: textOrNull,
  mode: { type: 'string', enum: ['wait', 'async'] },
  attempt: count,
  adoptedBy: textOrNull,
  queueMs: msOrNull,
  serviceMs: msOrNull,
  totalMs: ms,
  keyDigest: textOrNull,
  traceId: textOrNull,
};

function orNull(properties: Record<string, object>): object {
  return { ...object(properties), type: ['object', 'null'] };
}

export const requestPage = object({ requests: list(object(requestProperties)), next });
export const liveRequests = object({ requests: list(object(liveProperties)) });
export const timeline = object({
  id: shownId,
  request: orNull(requestProperties),
  live: orNull(liveProperties),
  events: list(
    object({
      at: { ...ms, description: 'In ms since the epoch.' },
      kind: { type: 'string', enum: timelineKinds },
      attempt: countOrNull,
      worker: { ...textOrNull, description: 'Replica and generation, such as `S1#4`.' },
      text,
    }),
  ),
  deadLetter: { ...textOrNull, description: 'The id of its dead letter, if it has one.' },
});

const byCode = list(object({ code: text, count }));
const byReplica = list(object({ replica: text, count }));
export const deadLetterCounts = object({
  count,
  counted: { ...count, description: 'How many letters, the latest, the other counts are for.' },
  byCode,
  byReplica,
});

/** What a redrive or a deletion with `dry-run=true` would do. */
export const preview = object({
  count,
  more: { type: 'boolean', description: 'More letters match than one call takes.' },
  byCode,
  byReplica,
  incomplete: { ...count, description: 'Of `checked` letters, those that lack a secret that was not kept.' },
  checked: count,
});

export const callbackPage = object({
  callbacks: list({
    type: 'object',
    properties: {
      request: shownId,
      ...callbackProperties,
      receiver: {
        ...textOrNull,
        description: 'Without query and credentials; for a viewer without the path.',
      },
      nextAt: { ...atOrNull, description: 'When it is sent again, in ms since the epoch.' },
    },
    required: ['request', 'state', 'attempts', 'receiver', 'nextAt'],
    additionalProperties: false,
  }),
  counts: {
    type: 'object',
    properties: Object.fromEntries(callbackStates.map((state) => [state, count])),
    additionalProperties: false,
  },
  next,
});
