import { finalStates } from '#shared/contract/request-record.ts';
import type { RequestView } from '#shared/contract/views.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';

/** @returns the path of a request's state. */
export function requestPath(id: string): string {
  return `/-/requests/${id}`;
}

/** Shows a request to a client. */
export function viewOf({ id, replica, record }: KnownRequest): RequestView {
  const { state, method, target, attempts, accepted, started, finished, deadline } = record;
  const { status, code, callback, spilledFrom, waitsFor } = record;
  const between = (from: number | undefined, to: number | undefined): number | null =>
    from === undefined || to === undefined ? null : to - from;
  const path = requestPath(id);
  const final = finalStates.has(state);
  return {
    id,
    state,
    method,
    target,
    replica,
    ...(spilledFrom === undefined ? {} : { spilledFrom }),
    attempts,
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(callback === undefined ? {} : { callback }),
    ...(state === 'queued' && waitsFor !== undefined ? { waiting: keyWait(waitsFor) } : {}),
    times: {
      accepted: timeView(accepted),
      started: timeView(started),
      finished: timeView(finished),
      deadline: timeView(deadline),
      queueMs: between(accepted, started),
      serviceMs: between(started, finished),
    },
    links: { self: path, reply: `${path}/reply`, ...(final ? {} : { cancel: path }) },
  };
}

/** @param ms since the epoch. @returns the time as RFC 3339. */
export function timeView(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/** @param running how many requests of its key run. @returns why a request waits, in words. */
export function keyWait(running: number | string): string {
  return `It waits for its key (${running} run).`;
}
