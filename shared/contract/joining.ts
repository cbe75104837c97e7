/** What workers that join by themselves (`REPLICA_JOIN=auto`) and the leading controller tell each other. */
import { isCount, parseObject } from './json-object.ts';
import { isReplicaName } from './replica-name.ts';

/** How often a worker announces itself, in ms. */
export const announceEveryMs = 1000;
/** How long an announcement holds, in ms. */
export const announcementMs = 10_000;

/** The field of `{ring}:joining` that says what the leading controller allows. No name begins with `+`. */
export const policyField = '+policy';

/** What the leading controller allows. */
export interface JoinPolicy {
  /** Time in ms for which a replica without a worker stays desired. */
  readonly leaveAfterMs: number;
}

/** Why a worker that has announced itself stands by. */
export interface StandBy {
  /** In words. */
  readonly reason: string;
  /** Since when, in ms since the epoch, in Redis time. */
  readonly since: number;
}

/** @returns undefined for a text that no controller has written. */
export function parsePolicy(text: string): JoinPolicy | undefined {
  const { leaveAfterMs } = parseObject(text) ?? {};
  return isCount(leaveAfterMs) ? { leaveAfterMs } : undefined;
}

/** @returns undefined for a text that no controller has written. */
export function parseStandBy(text: string): StandBy | undefined {
  const { reason, since } = parseObject(text) ?? {};
  return typeof reason === 'string' && isCount(since) ? { reason, since } : undefined;
}

/** A worker, as it announces itself. */
export interface Announced {
  readonly name: string;
  readonly generation: number;
}

/** @returns the text that stands for a worker. */
export function announcedText({ name, generation }: Announced): string {
  return `${name}#${generation}`;
}

/** @returns undefined for a text that no worker has written. */
export function parseAnnounced(text: string): Announced | undefined {
  const [name = '', generation = '', ...more] = text.split('#');
  const isOne = isReplicaName(name) && /^[1-9]\d{0,14}$/.test(generation) && more.length === 0;
  return isOne ? { name, generation: Number(generation) } : undefined;
}
