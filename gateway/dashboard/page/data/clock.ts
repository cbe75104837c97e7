import { signal } from '@preact/signals';

/** How far the gateways' clock is ahead of the browser's, in ms. Less than 2 s count as nothing. */
let aheadMs = 0;

/** The gateways' time in ms since the epoch, once a second. It stands still while the page is hidden. */
export const now = signal(Date.now());

setInterval(() => {
  if (!document.hidden) now.value = Date.now() + aheadMs;
}, 1000);

/** @param at the gateways' time of a message that has just arrived, in ms since the epoch. */
export function setClock(at: number): void {
  const ahead = at - Date.now();
  aheadMs = Math.abs(ahead) < 2000 ? 0 : ahead;
}
