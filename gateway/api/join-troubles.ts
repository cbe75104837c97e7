import type { TroubleView } from '#shared/contract/api/overview.ts';
import type { JoiningView } from '#shared/contract/joining-view.ts';
import type { RingReplicaView } from '#shared/contract/ring-view.ts';
import { duration, sentence } from './phrases.ts';

/** @returns which workers want to join and may not. */
export function joinTroubles(joining: JoiningView | null | undefined): TroubleView[] {
  return (joining?.standingBy ?? []).map(({ name, reason }) => ({
    level: 'warning',
    code: 'worker_stands_by',
    text: sentence(`The worker of ${name} stands by: ${reason}`),
    advice: 'It joins by itself once the reason is gone.',
  }));
}

/** @returns what to do if a replica is lost that joined by itself: ringpost does not start its worker. */
export function lostJoinedAdvice(
  { joinedBy, adopter }: Pick<RingReplicaView, 'joinedBy' | 'adopter'>,
  joining: JoiningView | null | undefined,
): Pick<TroubleView, 'advice'> | undefined {
  if (joinedBy === undefined || !joining) return undefined;
  const runs = adopter === undefined ? '' : `${adopter} runs its requests meanwhile. `;
  const advice = `${runs}Start its worker again; without one it leaves after ${duration(joining.leaveAfterMs)}.`;
  return { advice };
}
