/** Control characters but the tab: in a terminal they could move the cursor or change what is on it. */
const controls = /(?!\t)\p{Cc}/gu;

/** @returns a text of others, e.g. a worker's stderr, as one line that a terminal can show. */
export function shownText(text: string): string {
  return text.replace(controls, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/**
 * @param ms a duration.
 * @returns its largest unit: `12s`, `3m`, `5h`, `2d`.
 */
export function shownDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** @returns a time in ms since the epoch as RFC 3339; null if it is unknown. */
export function shownTime(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}

/** @returns names with spaces between them, or `none`. */
export function shownNames(names: readonly string[]): string {
  return names.join(' ') || 'none';
}
