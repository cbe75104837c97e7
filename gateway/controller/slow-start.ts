import { isOut } from '#shared/contract/ejection.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { firstSlowStart, nextSlowStart } from '#shared/ring/slow-start.ts';
import type { SlowStart } from '#shared/ring/slow-start.ts';
import type { Observed } from './observe.ts';
import type { Step } from './step.ts';

/**
 * @returns how much of its weight a replica has whose worker is ready now; undefined: all of it. One that is
 * in the ring keeps the part that it has. Its new worker is as cold as one that comes into the ring.
 */
export function beginning(
  name: string,
  { desired, ring, drained, ejections, slowStarts }: Observed,
  slowStartMs: number,
  now: number,
): SlowStart | undefined {
  if (ring.has(name)) {
    const present = slowStarts.get(name);
    if (present !== undefined && present.tenths < 10) return present;
    return slowStartMs === 0 ? undefined : { tenths: 10, since: now, endsAt: now };
  }
  const isKeptOut = (each: string): boolean => drained.has(each) || isOut(ejections.get(each));
  const serving = desired.filter((each) => ring.has(each.name) && !isKeptOut(each.name));
  return firstSlowStart(
    serving.map((each) => slowStarts.get(each.name)),
    slowStartMs,
    now,
  );
}

/**
 * @returns the next step of a replica's slow start, if it is due. A replica that takes nothing now, because
 * it is lost, paused, drained or ejected, keeps the part of its weight that it has.
 */
export function shareSteps(
  name: string,
  status: ReplicaStatus,
  { ring, drained, paused, ejections, slowStarts }: Observed,
  { slowStartMs = 0 }: { readonly slowStartMs?: number },
  now: number,
): Step[] {
  const present = slowStarts.get(name);
  if (present === undefined || present.tenths === 10 || !ring.has(name)) return [];
  if (slowStartMs === 0) return [{ do: 'share', name, slowStart: undefined, cause: 'slow start is off' }];
  if (status.state !== 'ready' || drained.has(name) || paused.has(name)) return [];
  if (isOut(ejections.get(name))) return [];
  const next = nextSlowStart(present, slowStartMs, now);
  if (next === undefined) return [];
  const slowStart = next === 'whole' ? undefined : next;
  return [{ do: 'share', name, slowStart, cause: `slow start over ${slowStartMs} ms` }];
}
