import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const lockFile = fileURLToPath(new URL('package-lock.json', import.meta.url));
const folder = fileURLToPath(new URL('.', import.meta.url));
/** npm writes this file last. If it exists, the installation is complete. */
const finished = fileURLToPath(new URL('node_modules/.package-lock.json', import.meta.url));

/**
 * Installs the packages that only the benchmarks and the analysis need, unless they are installed and not
 * older than the lock file.
 * @param say prints a line.
 * @throws Error if npm fails.
 */
export async function installBenchPackages(say: (line: string) => void): Promise<void> {
  const installed = statSync(finished, { throwIfNoEntry: false });
  if (installed !== undefined && installed.mtimeMs >= statSync(lockFile).mtimeMs) return;
  say('installing the packages of tests/bench (npm ci)');
  const npm = spawn('npm', ['ci', '--no-fund', '--no-audit'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errorOutput = '';
  npm.stderr.on('data', (chunk: Buffer) => (errorOutput += chunk.toString()));
  const [code] = await once(npm, 'close');
  if (code !== 0) throw new Error(`npm ci in tests/bench ended with ${String(code)}: ${errorOutput.trim()}`);
}
