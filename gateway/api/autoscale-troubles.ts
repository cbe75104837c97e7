import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { TroubleView } from '#shared/contract/api/overview.ts';

/** @returns what an operator should know of autoscaling. */
export function autoscaleTroubles(autoscale: AutoscaleView | undefined): TroubleView[] {
  if (autoscale?.configured !== true) return [];
  const { stopped, decision, range } = autoscale;
  const troubles: TroubleView[] = (decision?.hot ?? []).map((replica) => ({
    level: 'warning',
    code: 'hot_key',
    text: `${replica} is busy while the others are idle: one key, or few, have most of the requests.`,
    advice: 'More replicas would not help, since a key has one owner. See the hot keys: /-/api/hot-keys.',
    replica,
  }));
  if (stopped !== null)
    troubles.push({
      level: 'notice',
      code: 'autoscale_stopped',
      text: `Autoscaling is stopped by ${stopperOf(stopped.by)}.`,
      advice: 'Let it go on: ringpost autoscale on.',
    });
  else if (range !== null && decision?.wanted === range.max && decision.replicas >= range.max)
    troubles.push({
      level: 'notice',
      code: 'autoscale_at_most',
      text: `There are as many replicas as AUTOSCALE allows (${range.max}), and the load wants all of them.`,
      advice: 'If requests wait, raise the second number of AUTOSCALE.',
    });
  return troubles;
}

function stopperOf(by: 'add' | 'rm' | 'operator'): string {
  return by === 'operator' ? 'an operator' : `a call of /${by}`;
}
