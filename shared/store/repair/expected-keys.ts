import { parseLease } from '../../contract/lease.ts';
import type { Keys } from '../keys/keys.ts';
import { parseObject, parseTexts } from '../../contract/json-object.ts';

/** What a key of ringpost must look like, if it exists. */
export interface ExpectedKey {
  readonly key: string;
  /** The type by Redis's name. */
  readonly type: 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream';
  /** Whether the key may have this value, if it is a string. By default any value is allowed. */
  readonly fits?: (text: string) => boolean;
  /**
   * Left out if the key may be missing.
   * @param now Redis time, in ms since the epoch.
   * @returns the string that replaces a garbled value.
   */
  readonly instead?: (now: number) => string;
  /** The queue whose jobs the key lists. They must be listed again after the key was moved aside. */
  readonly lists?: string;
}

const integer = /^\d{1,16}$/;
const isInteger = (text: string): boolean => integer.test(text) && Number.isSafeInteger(Number(text));
const consumer = /^((asleep|waking) )?\d{1,16} \d+ (\d+ )?./s;

/** @returns the keys that BullMQ has for a queue, except its jobs. */
export function expectedOfQueue(keys: Keys, queue: string): ExpectedKey[] {
  const of = (type: ExpectedKey['type'], ...parts: readonly string[]): ExpectedKey[] =>
    parts.map((part) => ({ key: keys.bullMq(queue, part), type }));
  return [
    ...[...of('list', 'wait', 'active'), ...of('zset', 'prioritized', 'delayed')].map((each) => ({
      ...each,
      lists: queue,
    })),
    ...of('list', 'paused', 'metrics:completed:data', 'metrics:failed:data'),
    ...of('zset', 'completed', 'failed', 'waiting-children', 'marker', 'repeat'),
    ...of('hash', 'meta', 'metrics:completed', 'metrics:failed'),
    ...of('set', 'stalled'),
    ...of('stream', 'events'),
    ...of('string', 'stalled-check'),
    ...of('string', 'id', 'pc', 'limiter').map((each) => ({ ...each, fits: isInteger })),
  ];
}

/** @returns the keys that bring jobs to a replica. */
export function expectedOfJobs(keys: Keys, replica: string): ExpectedKey[] {
  const fits = (text: string): boolean => consumer.test(text);
  return [
    ...expectedOfQueue(keys, keys.queue(replica)),
    { key: keys.consumer(replica), type: 'string', fits },
    { key: keys.noting(replica), type: 'string', fits: isInteger },
    { key: keys.streams(replica), type: 'set', lists: keys.queue(replica) },
  ];
}

/**
 * @returns the keys of a replica, except those of its requests. They include the lease: a caller that moves
 * it aside has to renew it, or wait until its holder does so.
 */
export function expectedOfReplica(keys: Keys, replica: string): ExpectedKey[] {
  return [
    ...expectedOfJobs(keys, replica),
    { key: keys.lease(replica), type: 'string', fits: (text) => parseLease(text) !== undefined },
    number(keys.ended(replica)),
    number(keys.standby(replica)),
    number(keys.generation(replica)),
    number(keys.currentGeneration(replica)),
    number(keys.leaseFence(replica)),
    { key: keys.suspects(replica), type: 'set' },
    { key: keys.pardoned(replica), type: 'string' },
    { key: keys.crash(replica), type: 'hash' },
  ];
}

/** @returns the key by which Redis refuses former holders of the lease. */
export function expectedOfFence(keys: Keys, replica: string): ExpectedKey {
  return number(keys.leaseFence(replica));
}

function number(key: string): ExpectedKey {
  return { key, type: 'string', fits: isInteger };
}

/**
 * @param fence the fence under which a worker serves the replica's queue.
 * @param gateways the gateways to which it sends replies.
 * @returns the keys that the worker's consumer uses.
 */
export function expectedOfConsumer(
  keys: Keys,
  { replica, fence }: { readonly replica: string; readonly fence: number },
  gateways: Iterable<string> = [],
): ExpectedKey[] {
  return [
    ...expectedOfJobs(keys, replica),
    expectedOfFence(keys, replica),
    { key: keys.deliveries(replica, fence), type: 'list' },
    ...Array.from(new Set(gateways), (gateway) => expectedOfInbox(keys, gateway, replica)),
  ];
}

/** @returns the keys of one request, except its job. */
export function expectedOfRequest(keys: Keys, replica: string, id: string): ExpectedKey[] {
  return [
    { key: keys.request(replica, id), type: 'hash' },
    { key: keys.keptReply(replica, id), type: 'string' },
    { key: keys.requestBody(replica, id), type: 'string' },
    { key: keys.replyBody(replica, id), type: 'string' },
    { key: keys.deadLetters, type: 'zset' },
    { key: keys.deadLetter(id), type: 'hash' },
  ];
}

/** @returns the indexes of the requests of a replica. */
export function expectedOfIndexes(keys: Keys, replica: string): ExpectedKey[] {
  const { byTime, byKey, callbacks } = keys.requestIndexes(replica);
  return [byTime, byKey, callbacks].map((key) => ({ key, type: 'zset' }));
}

/** @returns the inboxes of a gateway, and the list that wakes their reader. */
export function expectedOfInboxes(keys: Keys, gateway: string, replicas: Iterable<string>): ExpectedKey[] {
  const inboxes = Array.from(replicas, (replica) => expectedOfInbox(keys, gateway, replica));
  return [...inboxes, { key: keys.wake(gateway), type: 'list' }];
}

function expectedOfInbox(keys: Keys, gateway: string, replica: string): ExpectedKey {
  return { key: keys.inbox(replica, gateway), type: 'list' };
}

/** @returns the keys of the ring that a worker reads for adoption. */
export function expectedOfAdoption(keys: Keys): ExpectedKey[] {
  return [
    { key: keys.offered, type: 'set' },
    { key: keys.retired, type: 'hash' },
    { key: keys.heirs, type: 'hash' },
  ];
}

/**
 * @returns the keys of the ring. The version must only grow, so the time replaces it: no count reaches that.
 */
export function expectedOfRing(keys: Keys): ExpectedKey[] {
  const hash = (key: string): ExpectedKey => ({ key, type: 'hash' });
  return [
    { key: keys.version, type: 'string', fits: isInteger, instead: String },
    { key: keys.joined, type: 'string', fits: isInteger },
    { key: keys.fence, type: 'string', fits: isInteger },
    { key: keys.leader, type: 'string', fits: (text) => /#\d+$/.test(text) },
    { key: keys.parameters, type: 'string', fits: isParameters },
    { key: keys.configKey, type: 'string', fits: isConfigKey },
    { key: keys.upstreams, type: 'string', fits: (text) => parseTexts(text) !== undefined },
    ...expectedOfAdoption(keys),
    ...[keys.desired, keys.ring, keys.status, keys.settings, keys.upstreamPositions].map(hash),
    ...[keys.gateways, keys.counts, keys.drained, keys.restarts, keys.slowStarts, keys.autoscale].map(hash),
    ...[keys.ejections, keys.joining, keys.tombstones, keys.gatewayCounts].map(hash),
    { key: keys.announcements, type: 'zset' },
    { key: keys.departures, type: 'zset' },
    { key: keys.countsWanted, type: 'string' },
  ];
}

/** @returns whether a text is a valid `config-key`. */
export function isConfigKey(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** @returns whether a text can be the parameters of a ring, also of another ring. */
export function isParameters(text: string): boolean {
  return typeof parseObject(text)?.['strategy'] === 'string';
}
