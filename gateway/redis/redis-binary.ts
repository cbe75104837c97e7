import { spawn } from 'node:child_process';
import { RedisUnfitError } from '#shared/store/redis/check-redis.ts';
import { findOnPath } from '#shared/process/tethered.ts';

/** Runs a command to its end; `output` is what it wrote to stdout and stderr. Never rejects. */
export type Run = (command: string, args: readonly string[]) => Promise<{ code: number; output: string }>;

type Environment = {
  readonly env: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  /** Whether Redis may be installed with sudo or brew. Root installs it in any case. */
  readonly mayInstall: boolean;
  /** The user id, 0 for root; by default that of this process. */
  readonly uid?: number | undefined;
  readonly run?: Run;
};

const advice =
  'Redis 7 or newer is needed: set REDIS_URL, install redis-server ' +
  '(Debian/Ubuntu: sudo apt-get install redis-server; macOS: brew install redis), ' +
  'or set INSTALL_REDIS=yes to have that done.';

// Keep the package from starting its service on port 6379: with SYSTEMD_OFFLINE=1 systemctl does not talk to
// PID 1 (systemd, ENVIRONMENT.md), and invoke-rc.d denies a start outside of the runlevel. A policy-rc.d
// would do too, but would be left behind if this process is killed.
const withoutStart = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'SYSTEMD_OFFLINE=1'];
const aptGet = [...withoutStart, 'apt-get', '-o', 'DPkg::Lock::Timeout=120'];

/**
 * Finds the server's binary.
 *
 * @param options.path a PATH to search.
 * @returns the absolute path of `valkey-server`, else of `redis-server`, else undefined.
 */
export async function findRedis({ path }: { path: string | undefined }): Promise<string | undefined> {
  return findOnPath('valkey-server', path) ?? findOnPath('redis-server', path);
}

/**
 * Installs Redis with the machine's package manager: with apt-get as root; if it may, with apt-get and a
 * passwordless sudo, or with brew. Tells `log` before it does.
 *
 * @returns the binary's absolute path.
 * @throws {RedisUnfitError} with one sentence that says what to do, if it may not or if it failed (`cause`
 * says why).
 */
export async function installRedis(options: Environment): Promise<string> {
  const { env, log, mayInstall, uid = process.getuid?.(), run = runner(env) } = options;
  const path = env.PATH;
  let cause = mayInstall
    ? 'no apt-get as root or with a passwordless sudo, and no brew'
    : 'no apt-get as root, and INSTALL_REDIS is not yes';

  if (findOnPath('apt-get', path) !== undefined) {
    const prefix = uid === 0 ? ['env'] : mayInstall ? await sudoPrefix(path, run) : undefined;
    if (prefix !== undefined) {
      const [command = 'env', ...before] = prefix;
      const asRoot = (...args: string[]) => run(command, [...before, ...args]);
      log('no Redis found: installing redis-server with apt-get (its system service is left disabled)');
      // It fails if one source is broken; the others may be enough.
      await asRoot(...aptGet, 'update');
      const { code, output } = await asRoot(
        ...aptGet,
        'install',
        '-y',
        '--no-install-recommends',
        'redis-server',
      );
      // Keep it from starting at the next boot too. Without systemd this fails, which does not matter.
      if (code === 0) await asRoot(...withoutStart, 'systemctl', 'disable', 'redis-server');
      const binary = await findRedis({ path });
      if (code === 0 && binary !== undefined) return binary;
      cause = `apt-get ended with ${code}: ${lastLines(output)}`;
      log(cause);
    }
  }
  if (mayInstall && findOnPath('brew', path) !== undefined) {
    log('no Redis found: installing redis with brew');
    const { code, output } = await run('brew', ['install', 'redis']);
    const binary = await findRedis({ path });
    if (code === 0 && binary !== undefined) return binary;
    cause = `brew ended with ${code}: ${lastLines(output)}`;
    log(cause);
  }
  throw new RedisUnfitError(advice, { cause });
}

/**
 * Finds the server's binary, or installs it if this process may.
 * @throws as `installRedis` does.
 */
export async function findOrInstallRedis(options: Environment): Promise<string> {
  return (await findRedis({ path: options.env.PATH })) ?? (await installRedis(options));
}

/**
 * @returns what to put before a command to run it as root with variables; undefined if that is not allowed.
 */
async function sudoPrefix(path: string | undefined, run: Run): Promise<string[] | undefined> {
  if (findOnPath('sudo', path) === undefined) return undefined;
  const { code } = await run('sudo', ['-n', 'true']);
  return code === 0 ? ['sudo', '-n', 'env'] : undefined;
}

const lastLines = (output: string) => output.trim().split('\n').slice(-3).join(' / ');

/** Output is collected and not shown, since stdout belongs to the caller. */
const runner =
  (env: NodeJS.ProcessEnv): Run =>
  (command, args) =>
    new Promise((done) => {
      const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      const keep = (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-10_000);
      };
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      child.once('error', (error) => done({ code: 127, output: error.message }));
      child.once('close', (code) => done({ code: code ?? 1, output }));
    });
