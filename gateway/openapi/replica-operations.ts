import { replicaHolds } from '#shared/contract/replica-hold.ts';
import { replicaNamePattern } from '#shared/contract/replica-name.ts';
import { maxWeight } from '#shared/contract/max-weight.ts';
import { admin, answer, problem, problems } from './answers.ts';
import type { Operation } from './answers.ts';

const replica = { type: 'string', pattern: replicaNamePattern.source, examples: ['S1'] };
const params = { type: 'object', properties: { name: replica }, required: ['name'] };
const view = {
  type: 'object',
  properties: {
    replicas: { type: 'array', items: replica, description: 'In the order in which it reaches them.' },
    hold: { type: ['string', 'null'], enum: [...replicaHolds, null] },
  },
  required: ['replicas', 'hold'],
};

const weight = { type: 'integer', minimum: 1, maximum: maxWeight };
const share = { type: 'number', minimum: 0, maximum: 1 };
const count = { type: 'integer', minimum: 0 };
const names = { type: 'array', items: { type: 'string' } };
const plan = {
  type: 'object',
  properties: {
    add: names,
    weights: {
      type: 'object',
      additionalProperties: weight,
      description: 'The weights that replicas get.',
    },
    rm: names,
    drain: names,
    movedShare: { ...share, description: 'The part of all keys that gets another owner.' },
    waiting: { ...count, description: 'Requests that wait at replicas that leave.' },
    running: count,
    lines: { ...count, description: 'Lines of ordered keys at replicas that leave.' },
    replicas: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, shareBefore: share, shareAfter: share },
        required: ['name', 'shareBefore', 'shareAfter'],
      },
    },
    notes: { ...names, description: 'In words.' },
  },
  required: [
    'add',
    'weights',
    'rm',
    'drain',
    'movedShare',
    'waiting',
    'running',
    'lines',
    'replicas',
    'notes',
  ],
};

function action(operation: Pick<Operation, 'operationId' | 'summary' | 'description'>, conflict: string) {
  return {
    ...operation,
    tags: ['replicas'],
    security: admin,
    params,
    response: {
      202: answer(view, 'It is noted. `/-/ring` shows when it is done.'),
      ...problems,
      404: problem('There is no such replica.'),
      409: problem(conflict),
    },
  } as const;
}

const removed = 'The replica was removed, and only finishes what it holds';

/** What the document says about the actions on replicas. */
export const replicaOperations = {
  drain: action(
    {
      operationId: 'drainReplica',
      summary: 'Take a replica out of the ring, and keep it running',
      description:
        'Its keys go to their successors. Its worker finishes what its queue holds, and stays until the ' +
        'replica is resumed or removed.',
    },
    `${removed}; or the ring would be empty.`,
  ),
  pause: action(
    {
      operationId: 'pauseReplica',
      summary: 'Let the requests of a replica wait',
      description:
        'It keeps its keys. What it runs goes on; other requests wait in its queue, until their deadlines, ' +
        "until it is resumed. The same as a pause of its queue by BullMQ's `queue.pause()`.",
    },
    `${removed}; or it is drained.`,
  ),
  restart: action(
    {
      operationId: 'restartReplica',
      summary: 'Replace the worker of a replica',
      description:
        'A new worker starts and loads everything; then the old one finishes what it runs, and the new one ' +
        'takes over. No request is lost. A resume ends a restart that has not begun.',
    },
    `${removed}; or ringpost does not run the workers.`,
  ),
  resume: action(
    {
      operationId: 'resumeReplica',
      summary: 'End a drain, a pause or a restart',
      description: "Ends a pause by BullMQ's `queue.pause()` too. A resume of what is not held does nothing.",
    },
    `${removed}.`,
  ),
  weight: {
    operationId: 'weighReplica',
    summary: 'Change the weight of a replica',
    description:
      'The weight is its part of the keys relative to the other replicas. Keys move only between it and ' +
      'others. Requests that wait stay where they are.',
    tags: ['replicas'],
    security: admin,
    params,
    body: { type: 'object', properties: { weight }, required: ['weight'] },
    response: {
      200: answer(
        {
          type: 'object',
          properties: { replicas: { type: 'array', items: replica }, weight },
          required: ['replicas', 'weight'],
        },
        'The ring is changed.',
      ),
      ...problems,
      404: problem('There is no such replica.'),
      409: problem('The replica was removed, or the ring has no weights (`RING=assignment`).'),
    },
  },
  plan: {
    operationId: 'planChange',
    summary: 'What a change of the replicas would move',
    description:
      'Nothing changes. Each parameter may be repeated; `add=S4:2` is a replica of the weight 2, `add=*` one ' +
      'whose name ringpost chooses, and `weight=S1:3` gives S1 the weight 3. A change that would be refused ' +
      'is answered with 400.',
    tags: ['replicas'],
    security: admin,
    querystring: { type: 'object', properties: { add: names, weight: names, rm: names, drain: names } },
    response: { 200: answer(plan, 'Shares are parts of all keys, from 0 to 1.'), ...problems },
  },
  restartAll: {
    operationId: 'restartReplicas',
    summary: 'Replace the workers of all replicas, one at a time',
    description: 'Each waits until all replicas are ready.',
    tags: ['replicas'],
    security: admin,
    response: {
      202: answer(view, 'It is noted. `/-/ring` shows when it is done.'),
      ...problems,
      409: problem('ringpost does not run the workers.'),
    },
  },
} as const satisfies Record<string, Operation>;
