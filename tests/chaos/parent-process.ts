import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** @returns the pid of a process' parent. */
export async function parentOf(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=', '-p', String(pid)]);
  return Number(stdout.trim());
}
