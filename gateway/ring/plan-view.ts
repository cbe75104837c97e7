import type { PlanView } from '#shared/contract/api/system.ts';
import { movedShare, sharesOf } from '#shared/ring/shares.ts';
import type { Preview } from './change-preview.ts';

/** What the queue of a replica that leaves the ring holds. */
export interface LeavingQueue {
  readonly name: string;
  readonly waiting: number;
  readonly running: number;
  readonly lines: number;
  /** Whether there may be more lines than that. */
  readonly hasMoreLines: boolean;
  readonly paused: boolean;
}

/**
 * @param queues those of the replicas that are removed or drained.
 * @param slowStartMs the time in which a new replica gets all of its weight.
 * @returns what a change would do. Pure.
 */
export function planView(preview: Preview, queues: readonly LeavingQueue[], slowStartMs = 0): PlanView {
  const { add, weights, rm, drain, before, after } = preview;
  const [old, now] = [sharesOf(before), sharesOf(after)];
  const sum = (of: (queue: LeavingQueue) => number): number =>
    queues.reduce((total, queue) => total + of(queue), 0);
  const moved = movedShare(before, after);
  return {
    add,
    weights: Object.fromEntries(weights),
    rm,
    drain,
    movedShare: moved,
    waiting: sum(({ waiting }) => waiting),
    running: sum(({ running }) => running),
    lines: sum(({ lines }) => lines),
    replicas: [...new Set([...old.keys(), ...now.keys(), ...rm, ...drain])].map((name) => ({
      name,
      shareBefore: old.get(name) ?? 0,
      shareAfter: now.get(name) ?? 0,
    })),
    notes: notesOf(preview, queues, moved, slowStartMs),
  };
}

function notesOf(
  preview: Preview,
  queues: readonly LeavingQueue[],
  moved: number,
  slowStartMs: number,
): string[] {
  const { add, weights, rm, drain, before, after } = preview;
  const served = new Set(before.members.map(({ name }) => name));
  const notes = [
    after.members.length === 0
      ? 'No replica owns keys afterwards: all requests get 503 until one is added.'
      : `${percent(moved)} of all keys get another owner.`,
  ];
  if (add.length > 0) notes.push('A new replica owns keys as soon as its worker is ready.');
  if (add.length > 0 && slowStartMs > 0 && served.size > 0)
    notes.push(`It begins with a tenth of its weight, and has all of it after ${slowStartMs / 1000} s.`);
  if (add.some((name) => name.startsWith('new-')))
    notes.push('The names new-1 and so on stand for random ones. Shares depend on the names.');
  for (const [name, weight] of weights)
    if (!add.includes(name)) notes.push(`${name} gets the weight ${weight}. What waits there stays there.`);
  for (const queue of queues)
    notes.push(...leavingNotes(queue, rm.includes(queue.name), served.has(queue.name)));
  if (drain.length > 0) notes.push(`${drain.join(', ')}: running, without keys, until resumed.`);
  const lines = queues.reduce((total, queue) => total + queue.lines, 0);
  if (lines > 0)
    notes.push(
      `${queues.some(({ hasMoreLines }) => hasMoreLines) ? 'At least ' : ''}${counted(lines, 'key')} with ordered ` +
        'requests there: the next ones run at other replicas, and still one after the other.',
    );
  return notes;
}

function leavingNotes(queue: LeavingQueue, isRemoved: boolean, wasInRing: boolean): string[] {
  const { name, waiting, running, paused } = queue;
  const held = waiting + running;
  return [
    ...(wasInRing ? [] : [`${name} is not in the ring now, so no key moves because of it.`]),
    held === 0
      ? `${name} holds no request${isRemoved ? ', and is gone after a few seconds' : ''}.`
      : `${name} finishes what it holds: ${running} running and ${waiting} waiting.`,
    ...(paused && waiting > 0 ? [`${name} is paused; what waits there runs then.`] : []),
  ];
}

/** @param share from 0 to 1. */
function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
