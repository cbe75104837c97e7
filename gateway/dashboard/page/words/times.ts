// Made at their first use, because that takes long, and the first page should not wait for it.
let full: Intl.DateTimeFormat | undefined;
let clock: Intl.DateTimeFormat | undefined;

/** @returns e.g. `21:04:09`. */
function clockTime(at: number): string {
  clock ??= new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
  return clock.format(at);
}

/** @returns a rough age for people, e.g. `12 s`, `5 min`, `3 h` or `2 d`. */
export function age(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** @returns e.g. `just now`, `12 s ago` or `in 5 min`. */
export function relative(at: number, now: number): string {
  if (at > now + 1000) return `in ${age(at - now)}`;
  return now - at < 1500 ? 'just now' : `${age(now - at)} ago`;
}

/** @returns the date and the time in the browser's zone. */
export function absolute(at: number): string {
  full ??= new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
  return full.format(at);
}

/** @returns e.g. `21:04:09.120`. */
export function timeOfDay(at: number): string {
  return `${clockTime(at)}.${String(Math.floor(at % 1000)).padStart(3, '0')}`;
}

/** @returns e.g. `21:04`, with seconds only if there are some. */
export function clockOf(at: number): string {
  const text = clockTime(at);
  return text.endsWith(':00') ? text.slice(0, 5) : text;
}
