import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The files to which bundles are written. Few names are used again and again: Node's cache of compiled code
 * keeps one file for each name.
 */
export class OutputFiles {
  /** Absolute. It is in the project, so that Node finds the project's packages. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Takes a folder `.ringpost/dev/<number>` that no other running process has.
   * @param project the absolute path of the project's folder.
   */
  static claim(project: string): OutputFiles {
    for (let number = 1; ; number += 1) {
      const folder = join(project, '.ringpost', 'dev', String(number));
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (isClaimed(join(folder, 'pid'))) return new OutputFiles(folder);
    }
  }

  /**
   * Writes a bundle.
   * @param isUsed whether a process may still read a file.
   * @returns the absolute path of its file.
   */
  write(code: string, isUsed: (path: string) => boolean): string {
    for (let number = 1; ; number += 1) {
      const path = join(this.folder, `handler-${number}.mjs`);
      if (isUsed(path)) continue;
      writeFileSync(path, code);
      return path;
    }
  }

  /** Deletes the folder. */
  release(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** @returns whether this process has the folder of the file from now on. */
function isClaimed(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const owner = Number(readFileSync(file, 'utf8'));
    if (owner !== process.pid && isRunning(owner)) return false;
    writeFileSync(file, String(process.pid));
    return true;
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
