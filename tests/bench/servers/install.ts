import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findOnPath } from '../../../shared/process/tethered.ts';
import { findServer, packages } from './servers.ts';
import type { ServerName } from './servers.ts';

// These keep packages from starting their services (see gateway/redis/redis-binary.ts).
const withoutServices = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'SYSTEMD_OFFLINE=1'];
const aptGet = [...withoutServices, 'apt-get', '-o', 'DPkg::Lock::Timeout=120'];

/**
 * Installs missing programs with apt-get, as root or with a passwordless sudo. Their services are disabled.
 * @returns for each program that is still missing the reason.
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
  if (sudo.length > 0 && (await run([...sudo, 'true'])).code !== 0) return 'it needs root';
  const wanted = [...new Set(names.map((name) => packages[name]))];
  say(`installing ${wanted.join(', ')} with apt-get (their services are left disabled)`);
  // An update fails if one source is broken, but the others may suffice.
  await run([...sudo, 'env', ...aptGet, 'update']);
  // Each package is installed separately, so that a missing one does not block the others.
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
    // The service must not start at the next boot either. Without systemd nothing would start it.
    else await run([...sudo, 'env', ...withoutServices, 'systemctl', 'disable', each]);
  }
  return failures.length === 0 ? 'the package does not contain it' : failures.join('; ');
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
