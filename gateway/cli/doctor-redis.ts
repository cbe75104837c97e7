import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { safeMessage } from '#shared/process/safe-error.ts';
import { shownUrl } from '#shared/process/shown-url.ts';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import { readRedisReport } from '#shared/store/redis/redis-report.ts';
import type { RedisReport } from '#shared/store/redis/redis-report.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';
import { privateRedisUrl } from '../redis/running-redis.ts';
import { findRedis } from '../redis/redis-binary.ts';
import type { Finding } from './finding.ts';

/** A clock that is off by more makes times in logs wrong by as much. */
const maxSkewMs = 1000;

export interface RedisCheckOptions {
  /** Undefined: a start runs a private Redis. */
  readonly url: string | undefined;
  readonly namespace: string;
  readonly role: string;
  /** `LEASE_MS`. */
  readonly leaseMs: number;
  /** `PATH`. */
  readonly path: string | undefined;
}

/** Checks the Redis that a start would use. */
export async function checkRedisOf(options: RedisCheckOptions): Promise<Finding[]> {
  const running = options.url ?? (await privateRedisUrl(process.cwd()));
  if (running === undefined) return [await findBinary(options.path)];
  const { namespace, role, leaseMs } = options;
  const roles: readonly RedisRole[] =
    role === 'gateway' || role === 'controller' ? [role] : ['gateway', 'controller'];
  const shown = shownUrl(running) ?? 'at REDIS_URL';
  const whose = options.url === undefined ? 'the private Redis' : 'Redis';
  try {
    const warnings = await checkRedis(running, roles, namespace, leaseMs);
    const found = report(await readRedisReport(running, namespace), `${whose} ${shown}`);
    return [...found, ...warnings.map(asWarning)];
  } catch (error) {
    return [{ check: 'redis', level: 'failed', message: safeMessage(error) }];
  }
}

function report(redis: RedisReport, name: string): Finding[] {
  const { product, version, policy, appendOnly, writeFailed, isReplica, clockAheadMs } = redis;
  const off = Math.abs(clockAheadMs);
  return [
    {
      check: 'redis',
      level: 'ok',
      message: `${name} answers; it is ${product === 'Redis' ? '' : `${product} `}version ${version}.`,
    },
    // `checkRedis` has refused any other one.
    { check: 'redis memory', level: 'ok', message: `Its maxmemory-policy is ${policy}: it evicts nothing.` },
    ...(isReplica
      ? [
          {
            check: 'redis role',
            level: 'failed',
            message: 'It copies another Redis and takes no writes.',
            advice: 'Set REDIS_URL to the primary.',
          } as const,
        ]
      : []),
    persistence(appendOnly, writeFailed),
    off > maxSkewMs
      ? {
          check: 'clocks',
          level: 'warning',
          message: `The clock of this host is ${off} ms ${clockAheadMs > 0 ? 'ahead of' : 'behind'} Redis's.`,
          advice: 'Synchronise both with NTP; times in logs and in handlers are off by as much.',
        }
      : {
          check: 'clocks',
          level: 'ok',
          message: `The clocks of this host and of Redis agree within ${off + 1} ms.`,
        },
  ];
}

const asWarning = (message: string): Finding => ({
  check: 'redis replication',
  level: 'warning',
  message,
  advice: 'docs/redis.md says what to set.',
});

function persistence(appendOnly: boolean, writeFailed: boolean): Finding {
  const check = 'redis persistence';
  if (!appendOnly)
    return {
      check,
      level: 'warning',
      message: 'It writes no append-only file, so a restart loses accepted requests.',
      advice: 'Run: redis-cli config set appendonly yes, and set it in redis.conf too.',
    };
  if (writeFailed)
    return {
      check,
      level: 'failed',
      message: 'Its last write of the append-only file failed.',
      advice: 'Free space on its disk, and see its log.',
    };
  return {
    check,
    level: 'ok',
    message: 'It writes an append-only file, so a restart loses nothing older than a second.',
  };
}

async function findBinary(path: string | undefined): Promise<Finding> {
  const binary = await findRedis({ path });
  if (binary === undefined)
    return {
      check: 'redis',
      level: 'failed',
      message: 'REDIS_URL is not set, and no redis-server or valkey-server is on PATH.',
      advice:
        'Set REDIS_URL, install redis-server 7 or newer (Debian: apt-get install redis-server; macOS: brew ' +
        'install redis), or set INSTALL_REDIS=yes.',
    };
  const version = await versionOf(binary);
  const [major = 0] = (version ?? '').split('.').map(Number);
  if (version === undefined || major < 7)
    return {
      check: 'redis',
      level: 'failed',
      message: `${resolve(binary)} is version ${version ?? 'unknown'}; ringpost needs 7.0 or newer.`,
      advice: 'Install a newer one, or set REDIS_URL.',
    };
  return {
    check: 'redis',
    level: 'ok',
    message: `REDIS_URL is not set; a start runs a private Redis with ${binary}, version ${version}.`,
  };
}

async function versionOf(binary: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(binary, ['--version'], { timeout: 5000, env: {} });
    return /\bv=(\d+(?:\.\d+)*)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
