import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findOnPath } from '../../../shared/process/tethered.ts';
import { findServer, packages } from './servers.ts';
import type { ServerName } from './servers.ts';

// Packages want to start their services at once; neither of these lets them (see
// gateway/redis/redis-binary.ts).
const quietly = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'SYSTEMD_OFFLINE=1'];
const aptGet = [...quietly, 'apt-get', '-o', 'DPkg::Lock::Timeout=120'];

/**
 * Installs, with apt-get as root or with a passwordless sudo, what is missing. Their services are left
 * disabled.
 * @returns why each of those that are still missing is, by name.
 */
export async function provide(
  names: readonly ServerName[],
  say: (line: string) => void,
): Promise<Map<ServerName, string>> {
  const missing = (): ServerName[] => [...new Set(names)].filter((name) => findServer(name) === undefined);
  if (missing().length === 0) return new Map();
  const why = await install(missing(), say);
  return new Map(missing().map((name) => [name, `${name} is not installed: ${why}`]));
}

/** @returns what went wrong. */
async function install(names: readonly ServerName[], say: (line: string) => void): Promise<string> {
  if (findOnPath('apt-get', process.env['PATH']) === undefined) return 'there is no apt-get';
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (sudo.length > 0 && (await run([...sudo, 'true'])).code !== 0) return 'that takes root';
  const wanted = [...new Set(names.map((name) => packages[name]))];
  say(`installing ${wanted.join(', ')} with apt-get (their services are left disabled)`);
  await run([...sudo, 'env', ...aptGet, 'update']); // one broken source fails it, and the rest may do
  // One that cannot be had must not keep the others away.
  const failures: string[] = [];
  for (const each of wanted) {
    const { code, output } = await run([
      ...sudo,
      'env',
      ...aptGet,
      'install',
      '-y',
      '--no-install-recommends',
      each,
    ]);
    if (code !== 0) failures.push(`apt-get install ${each}: ${output.trim().split('\n').at(-1) ?? ''}`);
    // Nor at the next boot. Where there is no systemd, nothing starts it.
    else await run([...sudo, 'env', ...quietly, 'systemctl', 'disable', each]);
  }
  return failures.length === 0 ? 'the package does not have it' : failures.join('; ');
}

/** Never rejects. */
async function run([command = '', ...args]: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close').catch((error: unknown) => {
    output += String(error);
    return [127];
  })) as [number | null];
  return { code: code ?? 1, output };
}
