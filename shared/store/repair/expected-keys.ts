import { parseLease } from '../../contract/lease.ts';
import type { Keys } from '../keys/keys.ts';
import { parseObject } from '../../contract/json-object.ts';

/** What a key of ringpost is, if it is there. */
export interface ExpectedKey {
  readonly key: string;
  /** As Redis names it. */
  readonly type: 'string' | 'list' | 'set' | 'zset' | 'hash' | 'stream';
  /** Whether a string can be what the key holds; any can where it is not said. */
  readonly fits?: (text: string) => boolean;
  /**
   * @returns the string that the key gets instead of a garbled one; left out where it may be missing.
   * @param now the time in Redis, in ms since the epoch.
   */
  readonly instead?: (now: number) => string;
  /** The queue whose jobs it lists: they have to be listed anew once it is moved aside. */
  readonly lists?: string;
}

const integer = /^\d{1,16}$/;
const isInteger = (text: string): boolean => integer.test(text) && Number.isSafeInteger(Number(text));
const consumer = /^\d{1,16} \d+ \d+ ./s;

/** @returns the keys that BullMQ keeps of a queue beside its jobs. */
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

/** @returns the keys through which a replica gets its jobs. */
export function expectedOfJobs(keys: Keys, replica: string): ExpectedKey[] {
  const fits = (text: string): boolean => consumer.test(text);
  return [
    ...expectedOfQueue(keys, keys.queue(replica)),
    { key: keys.consumer(replica), type: 'string', fits },
  ];
}

/**
 * @returns the keys of a replica beside its requests. The lease is among them: who moves that aside has to renew it, or to
 * wait for its holder to do so.
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

/** @returns the key by which a former holder of the lease is refused. */
export function expectedOfFence(keys: Keys, replica: string): ExpectedKey {
  return number(keys.leaseFence(replica));
}

function number(key: string): ExpectedKey {
  return { key, type: 'string', fits: isInteger };
}

/**
 * @param fence by which a worker serves the queue of the replica.
 * @param gateways to which it sends replies.
 * @returns the keys that its consumer uses.
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

/** @returns the keys of one request beside its job. */
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

/** @returns the lists through which replicas reach a gateway, and the one by which it wakes its reader. */
export function expectedOfInboxes(keys: Keys, gateway: string, replicas: Iterable<string>): ExpectedKey[] {
  const inboxes = Array.from(replicas, (replica) => expectedOfInbox(keys, gateway, replica));
  return [...inboxes, { key: keys.wake(gateway), type: 'list' }];
}

function expectedOfInbox(keys: Keys, gateway: string, replica: string): ExpectedKey {
  return { key: keys.inbox(replica, gateway), type: 'list' };
}

/** @returns the keys of the ring that workers read. */
export function expectedOfAdoption(keys: Keys): ExpectedKey[] {
  return [
    { key: keys.offered, type: 'set' },
    { key: keys.retired, type: 'hash' },
    { key: keys.heirs, type: 'hash' },
  ];
}

/** @returns the keys of the ring. A version only grows, so a new one is the time: no count has ever come so far. */
export function expectedOfRing(keys: Keys): ExpectedKey[] {
  const hash = (key: string): ExpectedKey => ({ key, type: 'hash' });
  return [
    { key: keys.version, type: 'string', fits: isInteger, instead: String },
    { key: keys.joined, type: 'string', fits: isInteger },
    { key: keys.fence, type: 'string', fits: isInteger },
    { key: keys.leader, type: 'string', fits: (text) => /#\d+$/.test(text) },
    { key: keys.parameters, type: 'string', fits: isParameters },
    { key: keys.configKey, type: 'string', fits: isConfigKey },
    ...expectedOfAdoption(keys),
    ...[keys.desired, keys.ring, keys.status, keys.settings].map(hash),
  ];
}

/** @returns whether a text is the random key of a controller. */
export function isConfigKey(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** @returns whether a text can be the parameters of a ring, be it another ring. */
export function isParameters(text: string): boolean {
  return typeof parseObject(text)?.['strategy'] === 'string';
}
