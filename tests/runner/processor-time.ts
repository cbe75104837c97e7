import { readFileSync } from 'node:fs';

/** The clock of /proc ticks a hundred times a second on every Linux that Node.js runs on. */
const tickMs = 10;

/** @returns ms that this process and all its ended descendants have used; undefined if there is no /proc. */
export function processorTimeMs(): number | undefined {
  let stat: string;
  try {
    stat = readFileSync('/proc/self/stat', 'utf8');
  } catch {
    return undefined;
  }
  // See proc(5): the name before the last parenthesis may hold spaces; utime, stime, cutime, cstime are 14 to
  // 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field) * tickMs, 0);
}
