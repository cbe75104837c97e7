import type { TroubleView } from '#shared/contract/api/overview.ts';
import type { ReplicaStatusView } from '#shared/contract/ring-view.ts';
import { duration, ordinal, sentence } from './phrases.ts';

/** How often in a row a replica may be lost before that is said. */
const manyFailures = 3;

/** How the reasons of workers that end before they are ready begin or end: a handler, a program, a server. */
const unloaded = /\bcannot be loaded\b|^COMMAND .*\b(?:before it was ready|not ready in time)\b|^UPSTREAMS /s;

type Lost = ReplicaStatusView & { readonly inRing?: boolean };

/**
 * @param now in ms since the epoch.
 * @param onlyViews leaves out the reason, which may contain what a handler wrote.
 * @returns what is wrong with a replica that is lost.
 */
export function lostTrouble(replica: Lost, now: number, onlyViews: boolean): TroubleView {
  const { name, since, failures = 0, adopter, inRing = false } = replica;
  const reason = reasonOf(replica);
  if (reason !== undefined && isNotLoaded(reason)) return unloadedTrouble(name, reason, onlyViews);
  const time = since === undefined ? '' : ` for ${duration(Math.max(0, now - since))}`;
  const often = failures >= manyFailures ? `, the ${ordinal(failures)} time in a row` : '';
  const why = onlyViews || reason === undefined ? '' : `: ${reason}`;
  const advice =
    adopter === undefined
      ? 'Its controller starts it again; see the last lines of its stderr.'
      : `${adopter} runs its requests meanwhile; see the last lines of its stderr.`;
  return {
    // While it is in the ring, its requests wait for its replacement, which usually comes soon.
    level: inRing && failures < manyFailures ? 'warning' : 'error',
    code: 'replica_lost',
    text: sentence(`${name} has been lost${time}${often}${why}`),
    advice,
    replica: name,
  };
}

/**
 * @param startTimeoutMs how long a worker may take to start.
 * @returns what is wrong with a replica that is starting; undefined if nothing is.
 */
export function startingTrouble(
  replica: ReplicaStatusView,
  now: number,
  startTimeoutMs: number,
  onlyViews: boolean,
): TroubleView | undefined {
  const { name, since, failures = 0 } = replica;
  const reason = reasonOf(replica);
  if (failures > 0 && reason !== undefined && isNotLoaded(reason))
    return unloadedTrouble(name, reason, onlyViews);
  if (since === undefined || now - since < startTimeoutMs / 2) return undefined;
  return {
    level: 'warning',
    code: 'replica_starts_slowly',
    text: `${name} has been starting for ${duration(now - since)}.`,
    advice: `It is replaced after START_TIMEOUT_MS (${duration(startTimeoutMs)}).`,
    replica: name,
  };
}

function unloadedTrouble(name: string, reason: string, onlyViews: boolean): TroubleView {
  return {
    level: 'error',
    code: 'handler_not_loaded',
    text: onlyViews ? `${name} cannot load its handler.` : sentence(`${name} does not start: ${reason}`),
    advice: 'Fix the cause; its controller keeps trying.',
    replica: name,
  };
}

function reasonOf({ reason, crash, generation }: ReplicaStatusView): string | undefined {
  // The note of a crash is in the worker's own words.
  return crash?.generation === generation ? (crash?.reason ?? reason) : reason;
}

function isNotLoaded(reason: string): boolean {
  return unloaded.test(reason);
}
