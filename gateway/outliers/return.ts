import type { AnswerCounts } from '#shared/contract/answer-counts.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { OutlierConfig } from './outlier-settings.ts';
import { ejectionMs } from './rule.ts';

/** What is seen of a replica that is ejected. */
export interface SeenEjected {
  /** The generation of its own worker that is ready; undefined if there is none. */
  readonly generation: number | undefined;
  readonly counts: AnswerCounts | undefined;
  /** An operator drains or pauses it. */
  readonly hold: 'drained' | 'paused' | undefined;
  /** Why the probe could not be added to its queue; undefined if it could. */
  readonly unsent?: string | undefined;
  /** Whether this controller has sent the probe. The one that noted it may have ended before it sent it. */
  readonly isSent: boolean;
  /** Its worker was ended because it was idle. */
  readonly isAsleep: boolean;
  /** Whether another replica serves. One that sleeps does. */
  readonly othersServe: boolean;
}

/** What to do with an ejected replica. `longer`: it stays out. `end`: it returns. Each has its reason. */
export type ReturnStep =
  | { readonly do: 'wait' }
  | { readonly do: 'probe'; readonly why: string }
  | { readonly do: 'longer'; readonly why: string }
  | { readonly do: 'end'; readonly why: string; readonly forget: boolean };

/** In this time in ms a probe has to be answered. */
export const probeTimeoutMs = 5000;

/**
 * Decides what becomes of an ejected replica. Pure.
 * @param now ms since the epoch, in Redis time.
 * @param reportMs how long it may take at most until the result of a probe is known, from its end on.
 */
export function returnStep(
  ejection: Ejection,
  seen: SeenEjected,
  config: OutlierConfig,
  now: number,
  reportMs: number,
): ReturnStep {
  const { since, until, probe } = ejection;
  const { generation, hold, isAsleep, othersServe } = seen;
  if (hold !== undefined) return { do: 'end', why: `an operator holds it: ${hold}`, forget: true };
  if (generation !== undefined && generation !== ejection.generation)
    return { do: 'end', why: 'it has a new worker', forget: true };
  if (isAsleep) return { do: 'end', why: 'it sleeps, and its next worker is a new one', forget: true };
  if (!othersServe) return { do: 'end', why: 'no other replica serves', forget: false };
  if (now < since || until - now > config.maxEjectionMs)
    return { do: 'end', why: 'the time of its return is unknown', forget: false };
  // Its next worker is a new one.
  if (generation === undefined && now >= until)
    return { do: 'end', why: 'its time is over, and it has no worker to probe', forget: false };
  if (probe !== undefined) return probeStep(ejection, probe, seen, config, now, reportMs);
  return now < until ? { do: 'wait' } : { do: 'probe', why: 'its time is over' };
}

function probeStep(
  { count, limitMs }: Ejection,
  probe: number,
  { counts, unsent, isSent }: SeenEjected,
  config: OutlierConfig,
  now: number,
  reportMs: number,
): ReturnStep {
  // What cannot be probed must not stay out for ever.
  if (unsent !== undefined)
    return { do: 'end', why: `its probe could not be sent: ${unsent}`, forget: false };
  if (counts === undefined || counts.probe !== probe) {
    if (now < probe + probeTimeoutMs + reportMs) return { do: 'wait' };
    if (!isSent) return { do: 'probe', why: 'the probe of another controller was not answered' };
    return { do: 'longer', why: `it did not answer in ${probeTimeoutMs} ms` };
  }
  const { probeMs } = counts;
  if (probeMs < 0) return { do: 'longer', why: 'it answered with a 5xx status or not at all' };
  const ms = Math.round(probeMs);
  // The path may take longer than other requests do. That must not keep the replica out for ever.
  const isLast = ejectionMs(count, config) >= config.maxEjectionMs;
  return limitMs !== undefined && probeMs > limitMs && !isLast
    ? { do: 'longer', why: `it answered after ${ms} ms, and had ${limitMs} ms` }
    : { do: 'end', why: `it answered a probe after ${ms} ms`, forget: false };
}
