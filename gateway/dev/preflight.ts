import { fileURLToPath } from 'node:url';
import { loadReportIn, withoutLoadReport } from '#shared/contract/load-report.ts';
import { ownModule } from '#shared/process/own-module.ts';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredProcess } from '#shared/process/tethered.ts';

export interface PreflightOptions {
  /** The environment of workers, without secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** Time in ms that a worker may take to load a handler. */
  readonly timeoutMs: number;
}

/** Why a handler cannot be loaded. */
export interface LoadFault {
  readonly message: string;
  /** The stack of the error, after source maps; empty if there was none. */
  readonly stack: string;
  /** What the handler wrote meanwhile. */
  readonly output: string;
}

/** What became of a preflight. */
export interface PreflightResult {
  /** Undefined if the handler can be loaded. */
  readonly fault: LoadFault | undefined;
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
}

const program = fileURLToPath(ownModule('../../worker/preflight.ts', import.meta.url));
/** Time in ms for the handler's `close()`. */
const closeMs = 1000;

/**
 * Loads a handler in a process of its own, exactly as a worker does.
 * @param path of the bundle, absolute.
 * @param signal ends it early; its result is then of no use.
 */
export async function preflight(
  path: string,
  { env, timeoutMs }: PreflightOptions,
  signal: AbortSignal,
): Promise<PreflightResult> {
  const child = spawnTethered(process.execPath, [program, path], {
    env: { ...env, REPLICA: 'preflight' },
    stdout: 'pipe',
    stderr: 'pipe',
    onParentDeath: 'SIGKILL',
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const late = setTimeout(kill, timeoutMs);
  const { stdout, output } = collect(child);
  const reported = new Promise<void>((resolve) => {
    child.stdout?.on('data', () => {
      if (loadReportIn(stdout()) !== undefined) resolve();
    });
  });
  await Promise.race([reported, closed(child)]);
  clearTimeout(late);
  signal.removeEventListener('abort', kill);
  const closing = setTimeout(kill, closeMs);
  const ended = child.exited.finally(() => clearTimeout(closing));
  const report = loadReportIn(stdout());
  if (report !== undefined && report.message === undefined) return { fault: undefined, ended };
  const { message = await describeEnd(child, timeoutMs), stack = '' } = report ?? {};
  return { fault: { message, stack, output: withoutLoadReport(output()) }, ended };
}

/** Resolves when the child has ended and all of its output was read. */
async function closed(child: TetheredProcess): Promise<void> {
  await child.exited;
  const open = [child.stdout, child.stderr].filter((stream) => stream !== null && !stream.closed);
  await Promise.all(open.map((stream) => new Promise((resolve) => stream?.once('close', resolve))));
}

function collect(child: TetheredProcess): { readonly stdout: () => string; readonly output: () => string } {
  const out: Buffer[] = [];
  const both: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => {
    out.push(chunk);
    both.push(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => both.push(chunk));
  return {
    stdout: () => Buffer.concat(out).toString('utf8'),
    output: () => Buffer.concat(both).toString('utf8'),
  };
}

async function describeEnd(child: TetheredProcess, timeoutMs: number): Promise<string> {
  const { code, signal } = await child.exited;
  if (signal === 'SIGKILL') return `it was not loaded within ${timeoutMs} ms`;
  // Node's exit code for a top-level await that nothing settles.
  if (code === 13) return 'its top-level await never ends';
  return `the process ended while it was loaded, with ${signal ?? `code ${code}`}`;
}
