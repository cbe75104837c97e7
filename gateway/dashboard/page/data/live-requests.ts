import { signal } from '@preact/signals';
import type { LiveRequestView } from '#shared/contract/api/requests.ts';

/** Requests that the page keeps. */
const maxKept = 1000;

/** The latest first. */
export const liveRequests = signal<readonly LiveRequestView[]>([]);

/** Requests that ended but were not sent, since there were too many. */
export const leftOut = signal(0);

/** More than these at once cannot be read anyway, so the list changes once a second then. */
const readable = 20;
const restMs = 1000;
let arrived: readonly LiveRequestView[] = [];
let arrivedLeftOut = 0;
let timer: number | undefined;

/**
 * @param requests the oldest first, as they ended.
 * @param left how many more ended in the same time.
 */
export function addLive(requests: readonly LiveRequestView[], left: number): void {
  arrivedLeftOut += left;
  arrived = [...arrived, ...requests].slice(-maxKept);
  if (timer !== undefined || arrived.length === 0) return;
  const isMany = arrived.length > readable;
  show();
  if (isMany)
    timer = window.setTimeout(() => {
      timer = undefined;
      addLive([], 0);
    }, restMs);
}

function show(): void {
  if (arrived.length === 0) return;
  liveRequests.value = [...arrived.toReversed(), ...liveRequests.peek()].slice(0, maxKept);
  leftOut.value += arrivedLeftOut;
  arrived = [];
  arrivedLeftOut = 0;
}

/** Replaces all, e.g. by the answer to `GET /-/api/live`. */
export function setLive(requests: readonly LiveRequestView[]): void {
  leftOut.value = 0;
  arrived = [];
  arrivedLeftOut = 0;
  liveRequests.value = requests.slice(0, maxKept);
}
