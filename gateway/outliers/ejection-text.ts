import type { Ejection } from '#shared/contract/ejection.ts';

/**
 * @returns an ejection that has not ended in words, e.g. `ejected until 2026-11-29T12:00:00Z (2 in a row):
 * 7 consecutive 5xx`.
 */
export function ejectionText({ until, probe, count, detail }: Ejection): string {
  const time = `${new Date(until).toISOString().slice(0, 19)}Z`;
  const probed = probe === undefined ? '' : ' and being probed';
  const often = count > 1 ? ` (${count} in a row)` : '';
  return `ejected until ${time}${probed}${often}: ${detail}`;
}
