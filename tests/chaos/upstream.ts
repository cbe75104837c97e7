import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { startProgram } from './program.ts';
import type { Program } from './program.ts';

const serverMain = fileURLToPath(new URL('ledger-server.ts', import.meta.url));

/** One server that does the work of all replicas, as their UPSTREAM. */
export interface Upstream {
  readonly program: Program;
  /** The settings with which a cluster uses it. */
  readonly settings: NodeJS.ProcessEnv;
}

/**
 * Resolves when the server listens.
 * @param folder the cluster's folder; the server writes to the ledger there.
 */
export async function startUpstream(folder: string): Promise<Upstream> {
  const ledgerDirectory = join(folder, 'ledger');
  await mkdir(ledgerDirectory, { recursive: true });
  const port = await freePort();
  const program = await startProgram({
    command: process.execPath,
    args: [serverMain],
    env: { PORT: String(port), REPLICA: 'upstream', LEDGER_DIRECTORY: ledgerDirectory },
    // Outside the workshop: a cluster that stops waits until no process runs there.
    cwd: tmpdir(),
    logFile: join(folder, 'upstream.log'),
    ready: /^ledger server ready/,
  });
  return { program, settings: { HANDLER: undefined, UPSTREAM: `http://127.0.0.1:${port}` } };
}
