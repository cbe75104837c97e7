import { admin as security, answer, problem, problems } from './answers.ts';
import type { Operation } from './answers.ts';
import * as schemas from './request-schemas.ts';
import { request } from './schemas.ts';

const paging = {
  limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  after: { type: 'string', description: 'Where the last page ended, from its `next`.' },
};

/** What the document says about the part of `/-/api` about requests. */
export const requestOperations = {
  searchRequests: {
    operationId: 'searchRequests',
    summary: 'Find requests that have records, the latest first',
    description:
      'Async requests, those with an `Idempotency-Key` and those that were not answered in time have records. ' +
      'With `state` or `status` a page may be short or empty and still have a `next`, since one call reads ' +
      '2,000 records at most.',
    tags: ['requests'],
    security,
    querystring: {
      type: 'object',
      properties: {
        id: {
          type: 'string',
          description: 'Finds one request; also one without a record while it waits or runs.',
        },
        key: { type: 'string', description: 'A hash key, or its digest.' },
        replica: { type: 'string' },
        state: { type: 'string' },
        status: { type: 'string', description: '`503` or `5xx`.' },
        from: { type: 'string', format: 'date-time', description: 'Accepted then or later.' },
        to: { type: 'string', format: 'date-time', description: 'Accepted then or earlier.' },
        ...paging,
      },
    },
    response: { 200: answer(schemas.requestPage, 'One page.'), ...problems },
  },
  showTimeline: {
    operationId: 'showTimeline',
    summary: 'What happened to a request',
    tags: ['requests'],
    security,
    params: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    response: {
      200: answer(schemas.timeline, 'The oldest event first.'),
      ...problems,
      404: problem('It has neither a record nor a job, and this gateway has not seen it lately.'),
    },
  },
  cancelAnyRequest: {
    operationId: 'cancelAnyRequest',
    summary: 'Cancel a request, whoever its caller is',
    description: 'The same as `DELETE /-/requests/{id}`, on the admin side.',
    tags: ['requests'],
    security,
    params: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    response: {
      200: answer(request, 'The request as it is afterwards; it may have ended by itself.'),
      ...problems,
      404: problem('It is unknown or expired.'),
      409: problem('The request has ended already.'),
    },
  },
  listLive: {
    operationId: 'listLive',
    summary: 'The latest requests that this gateway has answered',
    description:
      'At most 1,000, the latest first. They are kept only while somebody watches: an event stream with the topic ' +
      '`live`, or a call of this in the last 30 s. So the first call finds none.',
    tags: ['requests'],
    security,
    response: { 200: answer(schemas.liveRequests, 'As it is now.'), ...problems },
  },
  countDeadLetters: {
    operationId: 'countDeadLetters',
    summary: 'How many dead letters there are, by code and by replica',
    tags: ['dead letters'],
    security,
    response: { 200: answer(schemas.deadLetterCounts, 'As it is now.'), ...problems },
  },
  listCallbacks: {
    operationId: 'listCallbacks',
    summary: 'Callbacks of requests, and how many there are in each state',
    tags: ['callbacks'],
    security,
    querystring: { type: 'object', properties: { state: { type: 'string' }, ...paging } },
    response: { 200: answer(schemas.callbackPage, 'Those of the latest requests first.'), ...problems },
  },
} as const satisfies Record<string, Operation>;
