import { autoscale } from './autoscale-schemas.ts';
import { replicaHolds } from '#shared/contract/replica-hold.ts';
import { replicaNamePattern } from '#shared/contract/replica-name.ts';
import { keyLoads, limitedRequests } from './ring-key-schemas.ts';
import { ejection, slowStart } from './ring-schemas.ts';

/** JSON schemas of what `/-/api/` shows of the system; `shared/contract/api/` has them as types. */

function object(properties: Record<string, object>, more: object = {}) {
  return { type: 'object', properties, required: Object.keys(properties), ...more };
}

function orNull(schema: object): object {
  return { anyOf: [schema, { type: 'null' }] };
}

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const count = { type: 'integer', minimum: 0 };
const number = { type: 'number' };
const part = { type: 'number', minimum: 0, maximum: 1 };
const ms = { type: 'number', description: 'ms' };
const time = { type: 'number', description: 'ms since the epoch' };
const timeOrNull = { type: ['number', 'null'], description: 'ms' };
const replicaName = { type: 'string', pattern: replicaNamePattern.source, examples: ['S1'] };

const percentiles = orNull(object({ p50: ms, p95: ms, p99: ms }));
const worker = orNull(
  object(
    {
      version: text,
      pid: count,
      host: text,
      since: time,
      rssBytes: count,
      heapBytes: count,
      eventLoopLagMs: ms,
    },
    { description: 'What its worker says of itself; null until it has.' },
  ),
);
const numbers = {
  share: { ...part, description: 'Its part of all keys.' },
  depths: object({ waiting: count, active: count, streams: count, delayed: count, prioritized: count }),
  load: { ...count, description: 'The requests that wait and run there. Streams do not count.' },
  cap: {
    type: ['integer', 'null'],
    description: 'The load from which on requests that may spill pass it over; null outside of the ring.',
  },
  oldestMs: { ...timeOrNull, description: 'How long the oldest waiting request has waited, in ms.' },
  requestsPerS: number,
  failuresPerS: number,
  spilledInPerS: {
    ...number,
    description: 'Requests that it got because the owner of their key was overloaded.',
  },
  spilledOutPerS: { ...number, description: 'Requests that others got because it was overloaded.' },
  waitMs: percentiles,
  serviceMs: percentiles,
  leaseMs: { ...timeOrNull, description: 'Time until its lease ends, in ms.' },
  worker,
  hold: { enum: [...replicaHolds, null], description: 'What an operator asked for.' },
};
const status = {
  name: replicaName,
  state: text,
  clockAheadMs: timeOrNull,
  crash: { type: ['object', 'null'] },
};
const shown = object({
  ...status,
  joined: { type: 'integer' },
  weight: { type: 'integer', minimum: 1 },
  inRing: { type: 'boolean' },
  ejected: {
    type: ['string', 'null'],
    description: 'Until when and why outlier detection keeps it out of the ring.',
  },
  ...numbers,
});
const desired = { ...shown, properties: { ...shown.properties, slowStart, ejection } };
const retired = object({ ...status, ...numbers });

export const replica = {
  anyOf: [desired, retired],
  type: 'object',
};
const replicaLists = {
  replicas: { type: 'array', items: desired, description: 'In the order of `/rep`.' },
  retired: { type: 'array', items: retired, description: 'Removed ones that finish what they hold.' },
};
export const replicas = object(replicaLists);

const sample = object({
  at: time,
  requestsPerS: number,
  failuresPerS: number,
  spilledPerS: {
    ...number,
    description: 'Requests that went to another replica than the owner of their key because of the load.',
  },
  waitMs: percentiles,
  serviceMs: percentiles,
  totalMs: percentiles,
});
export const samples = object({
  everyMs: count,
  samples: { type: 'array', items: sample, description: 'Of the last 15 minutes, the oldest first.' },
});

const trouble = {
  type: 'object',
  properties: {
    level: { enum: ['error', 'warning', 'notice'] },
    code: { ...text, description: 'For programs.' },
    text: { ...text, description: 'What is wrong, in one sentence.' },
    advice: { ...text, description: 'What to do.' },
    replica: replicaName,
  },
  required: ['level', 'code', 'text'],
};
export const overview = object({
  at: time,
  version: text,
  namespace: text,
  gateway: { ...text, description: 'The name of the gateway that answers.' },
  ring: object({ version: { type: 'integer' }, strategy: text, leader: textOrNull, trouble: textOrNull }),
  autoscale: orNull(autoscale),
  totals: object({
    waiting: count,
    active: count,
    streams: count,
    delayed: count,
    inFlight: count,
    heldBytes: count,
    deadLetters: count,
    callbacks: count,
    gateways: count,
  }),
  troubles: { type: 'array', items: trouble, description: 'The worst first; empty if all is well.' },
  sample: orNull(sample),
  ...replicaLists,
});

export const gateways = object({
  gateways: {
    type: 'array',
    items: object({
      name: text,
      role: { enum: ['gateway', 'controller', 'both'] },
      leads: { type: 'boolean' },
      address: textOrNull,
      host: text,
      pid: count,
      version: text,
      since: time,
      at: time,
      rssBytes: count,
      heapBytes: count,
      eventLoopLagMs: ms,
      inFlight: count,
      heldBytes: count,
      requestsPerS: number,
    }),
  },
});

export const settings = object({
  settings: {
    type: 'array',
    items: object({
      name: text,
      value: textOrNull,
      secret: { type: 'boolean', description: 'It is a secret that is set; its value is not shown.' },
      source: { ...text, examples: ['environment', 'file ringpost.config.ts', 'default'] },
      default: textOrNull,
      help: text,
    }),
  },
});

const hotKey = object({
  digest: { ...text, description: 'The first 16 digits of the SHA-256 of the key, in hexadecimal.' },
  key: { ...textOrNull, description: 'Null for a view token, and if keys may be credentials.' },
  owner: textOrNull,
  count: { ...count, description: 'The most requests that it can have had.' },
  share: part,
});
export const hotKeys = object({
  windowMs: { ...ms, description: 'The time that the counts are for, in ms.' },
  requests: count,
  keys: { type: 'array', items: hotKey, description: 'The most frequent first, 20 at most.' },
});

export const key = object({
  key: text,
  digest: text,
  position: { type: ['integer', 'null'] },
  owner: textOrNull,
  virtualNode: orNull(object({ name: replicaName, index: count, position: count })),
  successors: { type: 'array', items: replicaName },
  loads: orNull(keyLoads),
  line: { type: ['integer', 'null'], description: 'Requests in its line (`Ringpost-Order: key`).' },
  requests: orNull(limitedRequests),
  hot: orNull(hotKey),
});
