/**
 * Losses of a request: deaths of workers that were running it. A request that may run again after a loss is a suspect:
 * it may be what killed the worker. Suspects run apart from other requests, so that a killer harms nobody else again:
 *
 *   one loss: together with others of its kind · two or more: alone · a death while it runs alone: convicted
 */

/** One death of a worker, as a request that it was running remembers it. */
export interface Loss {
  /** Names the death: the same for all requests that the worker was running. */
  readonly death: string;
  /** The higher, the later the request was begun, among those that the worker was running. */
  readonly begun: number;
}

/** Losses after which a request is convicted, even if it never ran alone. */
const maxLosses = 5;

/** @param text of the job's field; null or undefined if the job has none. */
export function parseLosses(text: string | null | undefined): Loss[] {
  if (!text) return [];
  return text.split(',').map((loss) => {
    const [death = '', begun] = loss.split('.', 2);
    return { death, begun: Number(begun ?? 0) };
  });
}

/** @returns the text of the job's field. */
export function formatLosses(losses: readonly Loss[]): string {
  return losses.map(({ death, begun }) => `${death}.${begun}`).join(',');
}

/** Whether a suspect may only run while its worker runs nothing else. */
export function mustRunAlone(losses: readonly Loss[]): boolean {
  return losses.length > 1;
}

/**
 * Decides whether a suspect is never run again.
 * @param losses the newest included.
 * @param alone whether it was running alone when the worker died.
 */
export function isConvicted(losses: readonly Loss[], alone: boolean): boolean {
  return alone || losses.length >= maxLosses;
}

/**
 * @param losses of a suspect.
 * @param convict the losses of a request that was convicted since it killed a worker alone.
 * @returns the losses that the convict did not cause. The last one stays if there is no other, so that the request
 * runs with suspects once more: there may have been two killers.
 */
export function withoutLossesOf(losses: readonly Loss[], convict: readonly Loss[]): readonly Loss[] {
  const explained = new Set(convict.map(({ death }) => death));
  const others = losses.filter(({ death }) => !explained.has(death));
  return others.length > 0 ? others : losses.slice(-1);
}

/** Orders suspects that must run alone: the one that was begun last before the last death comes first. */
export function byLastBegun(one: readonly Loss[], other: readonly Loss[]): number {
  return (other.at(-1)?.begun ?? 0) - (one.at(-1)?.begun ?? 0);
}
