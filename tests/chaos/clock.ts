/** @returns ms since the epoch, as exact as the machine has it and never going back. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
