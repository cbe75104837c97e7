import { spawnSync } from 'node:child_process';
import { findOnPath } from '#shared/process/tethered.ts';

/** The programs that the models need, and the packages of Debian and Ubuntu that have them. */
const packages: Readonly<Record<string, string>> = { spin: 'spin', cc: 'gcc libc6-dev' };

/**
 * Finds spin and a C compiler, or installs them: with apt-get as root, or with sudo if INSTALL_SPIN=yes.
 * @returns why they cannot be had; undefined if they are there.
 */
export function missingTools(env: NodeJS.ProcessEnv, log: (line: string) => void): string | undefined {
  const missing = missingOf(env);
  if (missing.length === 0) return undefined;
  const wanted = missing.flatMap((name) => (packages[name] ?? name).split(' '));
  const isRoot = process.getuid?.() === 0;
  const mayInstall = isRoot || env['INSTALL_SPIN'] === 'yes';
  if (mayInstall && findOnPath('apt-get', env['PATH']) !== undefined) {
    log(`installing ${wanted.join(', ')} with apt-get`);
    const [command = 'env', ...before] = isRoot ? ['env'] : ['sudo', '-n', 'env'];
    const aptGet = [...before, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
    spawnSync(command, [...aptGet, 'update'], { stdio: 'ignore' });
    const install = [...aptGet, 'install', '-y', '--no-install-recommends', ...wanted];
    spawnSync(command, install, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  const left = missingOf(env);
  if (left.length === 0) return undefined;
  const advice = `install them (Debian/Ubuntu: sudo apt-get install ${wanted.join(' ')})`;
  return `The models need ${left.join(' and ')}: ${advice}, or set INSTALL_SPIN=yes to have that done.`;
}

function missingOf(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.keys(packages).filter((name) => findOnPath(name, env['PATH']) === undefined);
}
