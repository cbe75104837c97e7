import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Member } from './cluster.ts';

/** @returns the controller that is the parent of the worker with this pid. @throws Error if there is none. */
export async function leaderOf(controllers: readonly Member[], worker: number): Promise<Member> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=', '-p', String(worker)]);
  const leader = controllers.find(({ program }) => program.pid === Number(stdout.trim()));
  if (leader === undefined) throw new Error(`no controller is the parent of worker ${worker}`);
  return leader;
}
