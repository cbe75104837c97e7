import type { ReplicaRange } from '#shared/store/ring/autoscale-store.ts';
import { ruleTimes } from './autoscale-rule.ts';
import type { RuleSettings } from './autoscale-rule.ts';

/** How `AUTOSCALE` is written. */
export const rangePattern = '^[1-9][0-9]{0,4}\\.\\.[1-9][0-9]{0,4}$';

/** @returns the range that `AUTOSCALE` names, e.g. `2..20`; undefined without it. */
export function parseRange(text: string | undefined): ReplicaRange | undefined {
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(text ?? '') ?? [];
  return min === undefined || max === undefined ? undefined : { min: Number(min), max: Number(max) };
}

/** @returns how autoscaling decides with this `AUTOSCALE`; undefined without it. */
export function ruleSettingsOf(text: string | undefined): RuleSettings | undefined {
  const range = parseRange(text);
  return range === undefined ? undefined : { ...range, times: ruleTimes };
}
