import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const lockFile = fileURLToPath(new URL('package-lock.json', import.meta.url));
const folder = fileURLToPath(new URL('.', import.meta.url));
/** npm writes it last of all, so that where it is there, everything is. */
const finished = fileURLToPath(new URL('node_modules/.package-lock.json', import.meta.url));

/**
 * Installs what benchmarks and analysis need beside the project's own packages, unless it is there and not
 * older than the lock file.
 * @param say prints a line.
 * @throws Error where npm could not.
 */
export async function installBenchPackages(say: (line: string) => void): Promise<void> {
  const there = statSync(finished, { throwIfNoEntry: false });
  if (there !== undefined && there.mtimeMs >= statSync(lockFile).mtimeMs) return;
  say('installing the packages of tests/bench (npm ci)');
  const npm = spawn('npm', ['ci', '--no-fund', '--no-audit'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  npm.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = await once(npm, 'close');
  if (code !== 0) throw new Error(`npm ci in tests/bench ended with ${String(code)}: ${said.trim()}`);
}
