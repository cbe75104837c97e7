import { isCount, isObject, parseObject } from './json-object.ts';

/** How the replica is selected that gets a request for its next attempt, after an answer. */
export interface Reselection {
  /** The hash key. */
  readonly key: string;
  /** `random`: the key is a random one, so any replica will do. */
  readonly affinity: (typeof affinities)[number];
}

const affinities = ['strict', 'loose', 'random'] as const;

/** What a worker tells the gateways when it has put a job back, to be run again after an answer. */
export interface RetryNotice extends Reselection {
  readonly id: string;
  /** The replica in whose queue the job is. */
  readonly replica: string;
  /** The gateway at which a client waits for the answer; empty if the request has a record. */
  readonly gateway: string;
  /** When the next attempt is due, in ms since the epoch, in Redis time. */
  readonly due: number;
  /** The deadline of the request, in ms since the epoch, in Redis time. */
  readonly deadline: number;
}

/** Notices of another version are ignored: the retry stays where it is. */
const version = 1;

/** @returns whether a value is a {@link Reselection}. */
export function isReselection(value: unknown): value is Reselection {
  if (!isObject(value)) return false;
  const { key, affinity } = value;
  return typeof key === 'string' && affinities.some((each) => each === affinity);
}

export function encodeRetryNotice(notice: RetryNotice): string {
  return JSON.stringify({ version, ...notice });
}

/** @returns undefined for a text that is no notice of this version. */
export function parseRetryNotice(text: string): RetryNotice | undefined {
  const value = parseObject(text);
  if (value === undefined || value['version'] !== version || !isReselection(value)) return undefined;
  const { key, affinity } = value;
  const { id, replica, gateway, due, deadline } = value as Readonly<Record<string, unknown>>;
  if (typeof id !== 'string' || typeof replica !== 'string' || typeof gateway !== 'string') return undefined;
  return isCount(due) && isCount(deadline)
    ? { key, affinity, id, replica, gateway, due, deadline }
    : undefined;
}
