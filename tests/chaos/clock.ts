/** @returns ms since the epoch, at full precision. It never goes back. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
