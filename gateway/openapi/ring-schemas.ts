import { ejectionCauses } from '#shared/contract/ejection.ts';
import { replicaHolds } from '#shared/contract/replica-hold.ts';
import { autoscale } from './autoscale-schemas.ts';
import { ringKey } from './ring-key-schemas.ts';
import { count, object, text } from './schema-parts.ts';

/** JSON schemas of `/-/ring`; `shared/contract/ring-view.ts` has them as types. */

const crash = {
  ...object(
    {
      generation: count,
      at: { ...count, description: 'When it was noticed, in ms since the epoch.' },
      reason: text,
      stderr: {
        type: 'array',
        items: text,
        maxItems: 20,
        description:
          'The last lines that the worker wrote to stderr; they may contain output of the handler.',
      },
      requests: { type: 'array', items: text, description: 'Ids of the requests that it was running.' },
    },
    ['at', 'reason', 'stderr', 'requests'],
  ),
  type: ['object', 'null'],
  description: 'The last crash of its worker within the last hour.',
};
const clockAheadMs = {
  type: ['integer', 'null'],
  description: "How far the clock of its host is ahead of Redis's, in ms; negative if it is behind.",
};
const upstream = {
  type: ['string', 'null'],
  description: 'Its server of `UPSTREAMS`; null if it has none. Left out if `UPSTREAMS` is not set.',
};
export const slowStart = object(
  {
    share: { type: 'number', minimum: 0.1, maximum: 0.9 },
    endsAt: { ...count, description: 'When it is to have all of its weight, in ms since the epoch.' },
    reason: { ...text, description: 'In words.' },
  },
  [],
  { description: 'The part of its weight that it has now (`SLOW_START_MS`). Left out if that is all.' },
);
export const ejection = object(
  {
    cause: { ...text, enum: [...ejectionCauses] },
    detail: { ...text, description: 'In words.' },
    count: { ...count, description: 'How often in a row it was ejected.' },
    since: { ...count, description: 'ms since the epoch' },
    until: { ...count, description: 'When a probe may end it, in ms since the epoch.' },
    probed: { type: 'boolean', description: 'Whether a probe was sent.' },
  },
  [],
  { description: '`ejected` for programs. Left out if it is not ejected.' },
);
const namedTime = { name: text, reason: text, since: count };
const joining = object({
  leaveAfterMs: { ...count, description: 'How long a replica without a worker stays one, in ms.' },
  standingBy: {
    type: 'array',
    items: object(namedTime),
    description: 'Workers that have announced themselves and are not let in, with the reasons.',
  },
  removed: {
    type: 'array',
    items: object({ name: text, at: count }),
    description: 'Replicas that `/rm` has removed; they join only after `/add` has named them.',
  },
});

export const ring = {
  type: 'object',
  description: 'The ring, the state of each replica as the controller sees it, and why a key is where it is.',
  properties: {
    version: { type: 'integer' },
    parameters: { type: 'object' },
    leader: { type: ['string', 'null'] },
    trouble: { type: ['string', 'null'] },
    clockAheadMs: { ...clockAheadMs, type: 'integer' },
    autoscale: { anyOf: [autoscale, { type: 'null' }], description: 'Null without `AUTOSCALE`.' },
    joining: { anyOf: [joining, { type: 'null' }], description: 'Null without `REPLICA_JOIN=auto`.' },
    replicas: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          clockAheadMs,
          crash,
          upstream,
          weight: { type: 'integer', minimum: 1 },
          slowStart,
          hold: {
            type: ['string', 'null'],
            enum: [...replicaHolds, null],
            description: 'What an operator asked for.',
          },
          ejected: {
            type: ['string', 'null'],
            description: 'Until when and why outlier detection keeps it out of the ring.',
          },
          ejection,
          replaces: { ...text, description: 'The dead replica that it replaces (`RESPAWN=new`).' },
          joinedBy: { const: 'worker', description: 'It joined by itself (`REPLICA_JOIN=auto`).' },
        },
        required: ['name', 'state', 'inRing', 'clockAheadMs', 'crash'],
      },
    },
    retired: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          clockAheadMs,
          crash,
          upstream,
          heir: {
            ...text,
            description: 'The replica that replaced it and adopts its queue (`RESPAWN=new`).',
          },
        },
        required: ['name', 'state', 'clockAheadMs', 'crash'],
      },
    },
    key: ringKey,
  },
  required: ['version', 'parameters', 'leader', 'trouble', 'clockAheadMs', 'replicas', 'retired'],
};
