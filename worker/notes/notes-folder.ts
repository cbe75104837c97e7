import { existsSync, readFileSync, statfsSync } from 'node:fs';
import process from 'node:process';

/** What `statfs` says of a tmpfs (`TMPFS_MAGIC` in Linux's `magic.h`). */
const tmpfs = 0x01021994;
/** Where containers of one host may mount a folder that their workers share. */
const sharedFolder = '/run/ringpost';

/**
 * Finds a folder in memory: what a process writes there survives the process, and not its host. So a worker
 * that finds the file of another one there runs on the same host.
 * @param env of this process.
 * @param isPrivate whether other folders than the shared one end with this process.
 * @returns undefined if there is none, as on hosts that do not run Linux.
 */
export function findNotesFolder(
  env: NodeJS.ProcessEnv,
  isPrivate = hasOwnContainer(env),
): string | undefined {
  const folders = isPrivate ? [sharedFolder] : [sharedFolder, '/dev/shm', env['XDG_RUNTIME_DIR']];
  return folders.find((folder) => folder !== undefined && isTmpfs(folder));
}

/** Whether a container ends with this process: it is the main one there, or the child of the init. */
function hasOwnContainer(env: NodeJS.ProcessEnv): boolean {
  if (process.pid !== 1 && process.ppid !== 1) return false;
  const isKubernetes = env['KUBERNETES_SERVICE_HOST'] !== undefined;
  return isKubernetes || ['/.dockerenv', '/run/.containerenv'].some((file) => existsSync(file));
}

function isTmpfs(folder: string): boolean {
  try {
    return statfsSync(folder).type === tmpfs;
  } catch {
    return false;
  }
}

/** @returns the id of this run of the host's kernel; '' if it has none. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
