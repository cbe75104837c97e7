import { readFile } from 'node:fs/promises';

/**
 * @returns whether a process exists and is neither a zombie nor stopped. Without `/proc` (macOS) only whether
 * it exists.
 */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return process.platform !== 'linux';
  // The name before the state is in parentheses and may contain any character (proc(5)).
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return !['Z', 'X', 'T', 't'].includes(state);
}
