import { setTimeout as delay } from 'node:timers/promises';
import type { RingReplicaView, RingView } from '#shared/contract/ring-view.ts';
import { now } from '../clock.ts';

/** Longer than a decision of the controllers takes, in ms. */
const timeoutMs = 60_000;

/** @returns the replicas as a gateway shows them; none while it does not answer. */
export async function ringReplicas(url: string): Promise<readonly RingReplicaView[]> {
  const response = await fetch(`${url}/-/ring`).catch(() => undefined);
  if (response?.status !== 200) {
    await response?.body?.cancel();
    return [];
  }
  const { replicas } = (await response.json()) as RingView; // as routes/ring.ts answers
  return replicas;
}

/**
 * Polls until what a gateway shows of the replicas meets a condition.
 * @param what the condition, for the error message.
 * @throws Error if it is not met in time.
 */
export async function untilRing(
  url: string,
  what: string,
  holds: (replicas: readonly RingReplicaView[]) => boolean,
): Promise<void> {
  const giveUpAt = now() + timeoutMs;
  while (!holds(await ringReplicas(url))) {
    if (now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await delay(100);
  }
}

/** @returns whether a replica that is desired has its keys. */
export function isIn(replicas: readonly RingReplicaView[], name: string): boolean {
  return replicas.some((replica) => replica.name === name && replica.inRing);
}

/** @returns whether all of these replicas sleep. Earlier releases do not know that state. */
export function areAsleep(replicas: readonly RingReplicaView[], names: readonly string[]): boolean {
  const states = new Map<string, string>(replicas.map(({ name, state }) => [name, state]));
  return names.every((name) => states.get(name) === 'asleep');
}

/** @returns the replicas that are out of the ring because they are ejected or drained. */
export function keptOut(replicas: readonly RingReplicaView[]): string[] {
  return replicas
    .filter(({ ejected, hold, inRing }) => !inRing && ((ejected ?? null) !== null || hold === 'drained'))
    .map(({ name }) => name);
}
