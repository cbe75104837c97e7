/**
 * The crashes that a request has seen: deaths of workers that were running it. A request that may run again
 * after a crash is a suspect, since it may have killed the worker. Suspects run isolated from other requests,
 * so that a poison request harms no more of them:
 *
 *   one crash: together with other suspects · two or more: alone · a crash while it runs alone: poison
 */

/** One death of a worker, as a request that it was running remembers it. */
export interface Crash {
  /** Names the death. It is the same for all requests that the worker was running. */
  readonly death: string;
  /** Orders the requests that the worker was running: the higher, the later this one started. */
  readonly startOrder: number;
}

/** Crashes after which a request is taken for poison, even if it never ran alone. */
const maxCrashes = 5;

/** @param text of the job's field; null or undefined if the job has none. */
export function parseCrashes(text: string | null | undefined): Crash[] {
  if (!text) return [];
  return text.split(',').map((crash) => {
    const [death = '', startOrder] = crash.split('.', 2);
    return { death, startOrder: Number(startOrder ?? 0) };
  });
}

/** @returns the text of the job's field. */
export function formatCrashes(crashes: readonly Crash[]): string {
  return crashes.map(({ death, startOrder }) => `${death}.${startOrder}`).join(',');
}

/** Whether a suspect may only run while its worker runs nothing else. */
export function mustRunAlone(crashes: readonly Crash[]): boolean {
  return crashes.length > 1;
}

/**
 * Decides whether a suspect is poison, and so is never run again.
 * @param crashes the newest included.
 * @param alone whether it was running alone when the worker died.
 */
export function isPoison(crashes: readonly Crash[], alone: boolean): boolean {
  return alone || crashes.length >= maxCrashes;
}

/**
 * @param crashes of a suspect.
 * @param poison the crashes of a request that killed its worker while it ran alone.
 * @returns the crashes that the poison request did not cause. If that leaves none, the last crash stays, so
 * that the suspect runs with other suspects once more: there may have been two poison requests.
 */
export function withoutCrashesOf(crashes: readonly Crash[], poison: readonly Crash[]): readonly Crash[] {
  const explained = new Set(poison.map(({ death }) => death));
  const others = crashes.filter(({ death }) => !explained.has(death));
  return others.length > 0 ? others : crashes.slice(-1);
}

/** Orders suspects that must run alone: the one that started last before the last crash comes first. */
export function byLastStart(one: readonly Crash[], other: readonly Crash[]): number {
  return (other.at(-1)?.startOrder ?? 0) - (one.at(-1)?.startOrder ?? 0);
}
