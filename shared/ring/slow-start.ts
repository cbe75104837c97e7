import type { RingMember } from './ring.ts';

/** How much of its weight a replica has that came into the ring while others served. */
export interface SlowStart {
  /** Tenths of its weight, from 1 to 10. A replica that began with all of it has 10 from the start. */
  readonly tenths: number;
  /** Since when it has them; for all ten, since when its worker is ready. In ms of Redis time. */
  readonly since: number;
  /** When it is to have all of its weight. */
  readonly endsAt: number;
}

/** Each step changes the ring of all gateways, so steps are at least this far apart, in ms. */
const minStepMs = 500;
/** From a tenth to ten tenths. */
const maxSteps = 9;

/** @returns what {@link parseSlowStart} reads. */
export function slowStartText({ tenths, since, endsAt }: SlowStart): string {
  return `${tenths} ${since} ${endsAt}`;
}

/** @returns undefined if `text` is no slow start. */
export function parseSlowStart(text: string): SlowStart | undefined {
  const [, tenths, since, endsAt] = /^(10|[1-9]) (\d{1,16}) (\d{1,16})$/.exec(text) ?? [];
  return tenths === undefined
    ? undefined
    : { tenths: Number(tenths), since: Number(since), endsAt: Number(endsAt) };
}

/**
 * @param others the slow starts of the replicas that are in the ring; undefined for one that has served for
 * longer than anybody knows.
 * @param slowStartMs the time from a tenth to all of the weight; 0: there is no slow start.
 * @returns how a replica begins that comes into the ring: with a tenth of its weight if one of the others has
 * served for at least that time, otherwise with all of it. Undefined without slow starts.
 */
export function firstSlowStart(
  others: readonly (SlowStart | undefined)[],
  slowStartMs: number,
  now: number,
): SlowStart | undefined {
  if (slowStartMs === 0) return undefined;
  const isWarm = others.some(
    (each) =>
      each === undefined || (each.tenths === 10 && (each.since > now || now - each.since >= slowStartMs)),
  );
  return isWarm
    ? { tenths: 1, since: now, endsAt: now + slowStartMs }
    : { tenths: 10, since: now, endsAt: now };
}

/**
 * @param slowStartMs the time from a tenth to all of the weight; it may differ from that at the start.
 * @returns the next step of a slow start if it is due; `whole` if the replica then has all of its weight.
 */
export function nextSlowStart(
  { tenths, since }: SlowStart,
  slowStartMs: number,
  now: number,
): SlowStart | 'whole' | undefined {
  const steps = Math.min(maxSteps, Math.max(1, Math.floor(slowStartMs / minStepMs)));
  const stepMs = Math.ceil(slowStartMs / steps);
  // If the clock was set back, the step is made at once, and the next one counts from now.
  if (since <= now && now - since < stepMs) return undefined;
  const tenthsAt = (step: number): number => 1 + Math.round((9 * step) / steps);
  let step = 1;
  while (step < steps && tenthsAt(step) <= tenths) step += 1;
  if (step >= steps) return 'whole';
  // Passes come a little late; a controller that was away for long does not catch up.
  const due = since + stepMs;
  const at = due <= now && now - due < stepMs ? due : now;
  return { tenths: tenthsAt(step), since: at, endsAt: at + stepMs * (steps - step) };
}

/** @returns the members with the parts of their weights that they have now. */
export function withShares(
  members: readonly RingMember[],
  slowStarts: ReadonlyMap<string, SlowStart>,
): readonly RingMember[] {
  if (slowStarts.size === 0) return members;
  return members.map((member) => {
    const tenths = slowStarts.get(member.name)?.tenths ?? 10;
    return tenths === 10 ? member : { ...member, share: tenths / 10 };
  });
}
