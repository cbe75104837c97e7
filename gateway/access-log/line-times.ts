const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Texts of the second of the last call: most calls are in the same one. */
const last = { second: Number.NaN, iso: '', clf: '' };

/** @param at in ms since the epoch. @returns e.g. `2026-11-29T18:43:31.250Z`. */
export function isoTime(at: number): string {
  const { iso } = textsOf(at);
  return `${iso}.${String(Math.floor(at) % 1000).padStart(3, '0')}Z`;
}

/** @param at in ms since the epoch. @returns in UTC, as Apache writes it: `29/Nov/2026:18:43:31 +0000`. */
export function clfTime(at: number): string {
  return textsOf(at).clf;
}

function textsOf(at: number): typeof last {
  const second = Math.floor(at / 1000);
  if (second === last.second) return last;
  const iso = new Date(second * 1000).toISOString().slice(0, 19);
  last.second = second;
  last.iso = iso;
  last.clf = `${iso.slice(8, 10)}/${months[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11)} +0000`;
  return last;
}
