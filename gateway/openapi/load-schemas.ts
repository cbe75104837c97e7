/** JSON schemas of what `/-/ring?key=` says about loads; `shared/contract/ring-view.ts` has them as types. */

const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };

function object(properties: Record<string, object>): object {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

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
        weight: count,
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
