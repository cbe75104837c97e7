import { count, object, text } from './schema-parts.ts';

/** JSON schemas of what `/-/ring?key=` says of a key; `shared/contract/ring-view.ts` has them as types. */

export const keyLoads = {
  ...object({
    affinity: { ...text, enum: ['strict', 'loose'], description: '`AFFINITY` of this gateway.' },
    bound: { type: 'number', description: '`LOAD_BOUND` of this gateway.' },
    load: { ...count, description: 'The load of all replicas of the ring together.' },
    takenBy: { ...text, description: 'The replica that gets a request with `Ringpost-Affinity: loose` now.' },
    candidates: {
      type: 'array',
      description: 'In the order in which they are asked: the owner of the key first.',
      items: object({
        name: text,
        weight: { type: 'number', description: 'Its weight now: only a part of it during a slow start.' },
        concurrency: { ...count, description: 'How many requests its worker runs at once.' },
        load: { ...count, description: 'The requests that wait and run there.' },
        cap: { ...count, description: 'The load from which on it is passed over.' },
        outcome: { ...text, enum: ['taken', 'passed', 'not asked'] },
        why: text,
      }),
    },
  }),
  description: 'Where the requests of the key go if they may spill.',
};

export const limitedRequests = {
  ...object({
    running: { ...count, description: 'Those that may run now.' },
    waiting: { ...count, description: 'Those that wait for one of these.' },
  }),
  description: 'Its requests that are limited in number (`KEY_CONCURRENCY`).',
};

export const ringKey = {
  ...object(
    {
      key: text,
      position: { ...count, description: "The key's own position: a 32-bit hash, or a slot." },
      owner: text,
      virtualNode: object({ name: text, index: count, position: count }),
      successors: {
        type: 'array',
        items: text,
        description: 'The owner, then the replica that would own the key if the owner left, and so on.',
      },
      loads: keyLoads,
      requests: {
        ...limitedRequests,
        description: `${limitedRequests.description} Left out if there are none.`,
      },
    },
    [],
    { type: ['object', 'null'] },
  ),
  // The last replica may leave the ring while the loads are read.
  required: ['key', 'position', 'owner', 'virtualNode', 'successors'],
  description: 'Why the key is where it is; null if the ring is empty.',
};
