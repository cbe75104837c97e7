import type { SeenLoad } from './load-history.ts';
import { burstFactor, restShare, stepShare } from '../settings/autoscale-rule.ts';
import type { RuleSettings } from '../settings/autoscale-rule.ts';

/** How many replicas there are. One that is drained, paused or ejected does not count. */
export interface Standing {
  /** All desired ones, those that do not count included. */
  readonly desired: number;
  /** The desired ones that count, also if they start or are lost. */
  readonly counted: number;
  /** Those of them that own keys and are ready or asleep. */
  readonly serving: number;
  /** The last one that has joined, which is removed first; undefined if none may be removed. */
  readonly last: { readonly name: string; readonly serving: boolean } | undefined;
  /** Time since the last change by autoscaling, in ms; Infinity if there was none. */
  readonly unchangedMs: number;
}

/** What the rule has decided, and why. */
export interface Decision {
  readonly kind: 'up' | 'down' | 'stay';
  /** How many replicas are added or removed. */
  readonly by: number;
  /** How many replicas the load wants, within the range; undefined if that is not known yet. */
  readonly wanted: number | undefined;
  /** In one sentence, without its end. */
  readonly reason: string;
  readonly hot: readonly string[];
}

/**
 * Decides how many replicas there should be. Pure.
 *
 *   up    at once to what the short window wants, if that is twice as many; else by half towards what the
 *         long window wants
 *   down  one at a time, if the rest would have been within 0.85 of their target at the highest load of the
 *         last 300 s; also one at a time, whatever the load, while there are more than the range allows
 */
export function decide(load: SeenLoad, standing: Standing, settings: RuleSettings): Decision {
  const { short, long } = load;
  const { counted } = standing;
  const hot = short === undefined ? [] : long.hot.filter((name) => short.hot.includes(name));
  if (counted < settings.min)
    return up(settings.min, `${counted} of at least ${settings.min} replicas count`, standing, settings, hot);
  const { shortMs, longMs } = settings.times;
  if (short === undefined) {
    const reason = `the load has been seen for ${seconds(load.seenMs)} of ${seconds(shortMs)}`;
    return { kind: 'stay', by: 0, wanted: undefined, reason, hot };
  }
  if (counted > settings.max) {
    const reason = `${counted} replicas count, and there may be ${settings.max} at most`;
    const common = { wanted: clamped(rounded(long.wanted), settings), hot };
    const stay = whyNoneCanGo(standing) ?? whyNotYet(standing, settings);
    if (stay !== undefined) return { ...common, kind: 'stay', by: 0, reason: `${reason}; ${stay}` };
    return { ...common, kind: 'down', by: 1, reason };
  }
  if (short.wanted >= burstFactor * counted) {
    const wanted = rounded(short.wanted);
    const reason = `the last ${seconds(shortMs)} want ${wanted}, at least twice the ${counted} there are`;
    return up(wanted, reason, standing, settings, hot);
  }
  const wanted = rounded(long.wanted);
  if (wanted > counted) {
    const most = counted + Math.max(1, Math.ceil(counted * stepShare));
    const reason = `the last ${seconds(longMs)} want ${wanted}, and there are ${counted}`;
    return {
      ...up(Math.min(wanted, most), reason, standing, settings, hot),
      wanted: clamped(wanted, settings),
    };
  }
  const stay = whyNoneIsRemoved(load, standing, settings);
  const reason = `the load wants ${wanted}, and there are ${counted}`;
  const common = { wanted: clamped(wanted, settings), hot };
  if (stay !== undefined) return { ...common, kind: 'stay', by: 0, reason: `${reason}; ${stay}` };
  return { ...common, kind: 'down', by: 1, reason: `${reason}; the rest would have enough room` };
}

/** @param to how many are to count. */
function up(
  to: number,
  reason: string,
  { desired, counted }: Standing,
  settings: RuleSettings,
  hot: readonly string[],
): Decision {
  const wanted = clamped(to, settings);
  const by = Math.min(to - counted, settings.max - desired);
  if (by > 0) return { kind: 'up', by, wanted, reason, hot };
  return { kind: 'stay', by: 0, wanted, reason: `${reason}; there may be ${settings.max} at most`, hot };
}

/** @returns undefined if one may be removed. */
function whyNoneIsRemoved(
  { highest, seenMs }: SeenLoad,
  standing: Standing,
  settings: RuleSettings,
): string | undefined {
  const { downMs } = settings.times;
  if (standing.counted <= settings.min) return 'that is as few as there may be';
  const held = whyNoneCanGo(standing);
  if (held !== undefined) return held;
  if (highest === undefined)
    return `none is removed before ${seconds(downMs)} have been seen, and that is ${seconds(seenMs)} now`;
  const rest = restOf(standing);
  if (highest > restShare * rest) {
    const without = `without ${standing.last?.name} ${rest} would have to serve it`;
    return `the highest of ${seconds(downMs)} was ${highest.toFixed(1)}, and ${without}`;
  }
  return whyNotYet(standing, settings);
}

/** @returns undefined if there is one to remove, and others serve. */
function whyNoneCanGo(standing: Standing): string | undefined {
  const { last } = standing;
  if (last === undefined) return 'operators hold all others';
  return restOf(standing) < 1 ? `${last.name} is the last one that serves` : undefined;
}

/** @returns undefined if the last change was long enough ago. */
function whyNotYet({ unchangedMs }: Standing, { times }: RuleSettings): string | undefined {
  return unchangedMs < times.shortMs ? `the last change was ${seconds(unchangedMs)} ago` : undefined;
}

/** @returns how many serve without the one that is removed first. */
function restOf({ serving, last }: Standing): number {
  return serving - (last?.serving === true ? 1 : 0);
}

function clamped(wanted: number, { min, max }: RuleSettings): number {
  return Math.min(Math.max(wanted, min), max);
}

/** Sums of parts are not exact. */
function rounded(wanted: number): number {
  return Math.ceil(wanted - 1e-9);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
