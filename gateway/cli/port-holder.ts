import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

/** Whether a server could listen on a port, or why not. */
export type PortState = 'free' | 'taken' | { readonly refused: string };

/** Listens on a port for a moment. */
export function portState(host: string, port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EADDRINUSE' ? 'taken' : { refused: error.code ?? error.message }),
    );
    server.listen(port, host, () => server.close(() => resolve('free')));
  });
}

/**
 * @returns the program that listens on a TCP port, e.g. `node (pid 4711)`; undefined if that cannot be seen,
 * as for a process of another user.
 */
export async function holderOf(port: number): Promise<string | undefined> {
  return process.platform === 'linux' ? fromProc(port) : fromLsof(port);
}

async function fromProc(port: number): Promise<string | undefined> {
  const sockets = await listeningSockets(port);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    // A process may end meanwhile, or belong to another user.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!sockets.has(target)) continue;
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process');
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

/** @returns the sockets that listen on a port, as `/proc/<pid>/fd` names them. */
async function listeningSockets(port: number): Promise<Set<string>> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return new Set(
    tables.flatMap((text) =>
      text.split('\n').flatMap((line) => {
        // Number, local address, remote address, state (0A: listens), five more, inode: proc(5).
        const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
        return local.endsWith(`:${hex}`) && state === '0A' ? [`socket:[${inode}]`] : [];
      }),
    ),
  );
}

/** For systems without /proc (macOS). */
async function fromLsof(port: number): Promise<string | undefined> {
  try {
    const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'];
    const { stdout } = await promisify(execFile)('lsof', args, { timeout: 5000 });
    const [pid, name] = [/^p(\d+)$/m.exec(stdout)?.[1], /^c(.+)$/m.exec(stdout)?.[1]];
    return pid === undefined ? undefined : `${name ?? 'a process'} (pid ${pid})`;
  } catch {
    return undefined;
  }
}
