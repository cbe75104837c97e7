import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const lockFile = new URL('package-lock.json', import.meta.url);
/** A copy of the lock file that was installed. */
const installed = new URL('node_modules/.installed-lock.json', import.meta.url);

/**
 * Installs the peers' packages where they are not there, or are others than those in the lock file.
 * @throws Error where npm fails.
 */
export async function installPeers(say: (line: string) => void): Promise<void> {
  const wanted = await readFile(lockFile, 'utf8');
  if (existsSync(installed) && (await readFile(installed, 'utf8')) === wanted) return;
  say('installing the peers, npm ci in tests/bench');
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  npm.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(npm, 'close')) as [number | null];
  if (code !== 0) throw new Error(`npm ci in tests/bench ended with ${code}:\n${output.slice(-2000)}`);
  await writeFile(installed, wanted);
}
