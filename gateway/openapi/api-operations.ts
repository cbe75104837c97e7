import { admin, answer, problem, problems } from './answers.ts';
import type { Operation } from './answers.ts';
import * as schemas from './api-schemas.ts';

type Described = Pick<Operation, 'operationId' | 'summary' | 'description' | 'querystring' | 'params'>;

function shown(operation: Described, schema: object, what: string) {
  const response = { 200: answer(schema, what), ...problems };
  return { ...operation, tags: ['system'], security: admin, response } as const;
}

const view = 'A view token sees no reasons, stderr and ids of requests.';

const named = shown(
  {
    operationId: 'showApiReplica',
    summary: 'One replica with its numbers',
    description: view,
    params: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  },
  schemas.replica,
  'As it is now.',
);

/** What the document says about the routes that show the system. */
export const apiOperations = {
  overview: shown(
    {
      operationId: 'showOverview',
      summary: 'The whole system at a glance',
      description: `What is in trouble, in words; totals; and all replicas with their numbers. ${view}`,
    },
    schemas.overview,
    'As it is now.',
  ),
  replicas: shown(
    { operationId: 'listApiReplicas', summary: 'All replicas with their numbers', description: view },
    schemas.replicas,
    'As they are now.',
  ),
  replica: { ...named, response: { ...named.response, 404: problem('There is no such replica.') } },
  samples: shown(
    {
      operationId: 'listSamples',
      summary: 'Rates and percentiles of the last 15 minutes',
      description:
        'Of all gateways together, every two seconds, as this gateway has seen them since its start.',
    },
    schemas.samples,
    'The oldest first.',
  ),
  gateways: shown(
    {
      operationId: 'listGateways',
      summary: 'The processes with a gateway or a controller',
      description: 'Each reports every two seconds, and is left out ten seconds after its last report.',
    },
    schemas.gateways,
    'By name.',
  ),
  settings: shown(
    {
      operationId: 'listSettings',
      summary: 'The settings of this gateway, and where they come from',
      description: 'Without secrets, and without the arguments of `COMMAND`.',
    },
    schemas.settings,
    'All settings, those with their defaults too.',
  ),
  hotKeys: shown(
    {
      operationId: 'listHotKeys',
      summary: 'The most frequent hash keys at this gateway',
      description:
        'Keys are counted from the first call until ten minutes after the last one, for the last two to ' +
        'five minutes. Keys that may be credentials are shown by their digests only.',
    },
    schemas.hotKeys,
    'The most frequent first.',
  ),
  key: shown(
    {
      operationId: 'showKey',
      summary: 'Where a hash key is, and why',
      querystring: { type: 'object', properties: { key: { type: 'string' } }, required: ['key'] },
    },
    schemas.key,
    'As the ring is now.',
  ),
  events: {
    operationId: 'watchEvents',
    summary: 'A stream of events',
    description:
      'Server-sent events. With the topic `overview`: an event `overview` at once, then every two seconds ' +
      'and when the ring changes, and `sample` with each new sample. With `live`: an event `live` with the ' +
      'requests that have ended, at most four times a second. A slow client gets fewer events. The stream ' +
      'ends after 15 minutes at the latest; connect again.',
    tags: ['system'],
    security: admin,
    querystring: {
      type: 'object',
      properties: {
        topics: { type: 'string', default: 'overview', description: 'Separated by commas.' },
      },
    },
    response: {
      200: {
        description: 'The data of each event is JSON.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      ...problems,
      503: problem('Too many streams are open at this gateway.'),
    },
  },
} as const satisfies Record<string, Operation>;
