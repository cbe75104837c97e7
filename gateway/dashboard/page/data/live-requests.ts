import { signal } from '@preact/signals';
import type { LiveRequestView } from '#shared/contract/api/requests.ts';

/** Requests that the page keeps. */
const maxKept = 1000;

/** The latest first. */
export const liveRequests = signal<readonly LiveRequestView[]>([]);

/** Requests that ended but were not sent, since there were too many. */
export const leftOut = signal(0);

/**
 * @param requests the oldest first, as they ended.
 * @param left how many more ended in the same time.
 */
export function addLive(requests: readonly LiveRequestView[], left: number): void {
  leftOut.value += left;
  if (requests.length === 0) return;
  liveRequests.value = [...requests.toReversed(), ...liveRequests.peek()].slice(0, maxKept);
}

/** Replaces all, e.g. by the answer to `GET /-/api/live`. */
export function setLive(requests: readonly LiveRequestView[]): void {
  leftOut.value = 0;
  liveRequests.value = requests.slice(0, maxKept);
}
