import { finalStates } from '#shared/contract/request-record.ts';
import type { KnownRequest } from './request-store.ts';

/** @returns the path at which a request is asked about. */
export function requestPath(id: string): string {
  return `/-/requests/${id}`;
}

/** @returns a request as the client sees it; times are RFC 3339, durations in ms. */
export function viewOf({ id, replica, record }: KnownRequest): object {
  const { state, method, target, attempts, accepted, started, finished, deadline, status, code } = record;
  const at = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
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
    attempts,
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    times: {
      accepted: at(accepted),
      started: at(started),
      finished: at(finished),
      deadline: at(deadline),
      queueMs: between(accepted, started),
      serviceMs: between(started, finished),
    },
    links: { self: path, reply: `${path}/reply`, ...(final ? {} : { cancel: path }) },
  };
}
