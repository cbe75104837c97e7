/** @returns a target without its query, which may have secrets. */
export function pathOf(target: string): string {
  return target.split(/[?#]/, 1)[0] ?? '';
}
