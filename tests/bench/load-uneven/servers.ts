import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { servers } from './plan.ts';

const upstreamMain = fileURLToPath(new URL('upstream.ts', import.meta.url));

/** The servers that all systems stand in front of, by turns. */
export interface Servers {
  readonly ports: readonly number[];
  /** Makes the first server take so many times as long. */
  slowDown(factor: number): Promise<void>;
  stop(): Promise<void>;
}

/** @param folder for their logs. */
export async function startServers(folder: string): Promise<Servers> {
  const ports: number[] = [];
  const closing = new AsyncDisposableStack();
  try {
    for (let at = 0; at < servers; at += 1) {
      const port = await freePort();
      const program = await startProgram({
        command: process.execPath,
        args: [upstreamMain],
        env: { PORT: String(port), SERVER: String(at) },
        cwd: folder,
        logFile: join(folder, `server-${at}.log`),
        ready: /^ready/,
      });
      closing.defer(() => program.end());
      ports.push(port);
    }
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
  return {
    ports,
    slowDown: async (factor) => {
      const answer = await fetch(`http://127.0.0.1:${ports[0]}/slowdown/${factor}`);
      await answer.text();
    },
    stop: () => closing.disposeAsync(),
  };
}
