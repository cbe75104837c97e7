import type { RedisPlace } from '../../process/redis-url.ts';

const minVersion = [7, 0] as const;

/**
 * @param info what `INFO` of a server says.
 * @param kind of Redis that the URL names.
 * @param at the server's host and port, if the URL has one.
 * @returns why ringpost cannot use the server, and what to do instead, as the end of a sentence; undefined if
 * it can.
 */
export function misfit(info: string, kind: RedisPlace['kind'], at: string | undefined): string | undefined {
  const { product, version } = productIn(info);
  const field = (name: string): string => fieldIn(info, name);
  const mode = field('redis_mode');
  const here = at ?? 'host:port';
  if (mode === 'sentinel')
    return (
      `is a sentinel; set the URL to redis+sentinel://${here}/name, with the name of its master and all ` +
      'sentinels'
    );
  if (product === 'Dragonfly')
    return (
      `is Dragonfly ${version}, which refuses scripts that find out their keys themselves, as those of the ` +
      'queues do; use Redis 7 or Valkey'
    );
  if (product === 'KeyDB') return `is KeyDB ${version}, which has no BLMPOP; use Redis 7 or Valkey`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < minVersion[0] || (major === minVersion[0] && minor < minVersion[1]))
    return `is version ${version}; ringpost needs 7.0 or newer`;
  if (mode === 'cluster' && kind !== 'cluster')
    return `is a node of a Cluster; set the URL to redis+cluster://${here}/, with some of its nodes`;
  if (field('role') === 'slave' && kind !== 'sentinel' && kind !== 'cluster')
    return (
      `is a replica and takes no writes; set the URL to its master, ${field('master_host')}:` +
      `${field('master_port')}, or to redis+sentinel://…/name if sentinels watch over them`
    );
  return undefined;
}

/** @returns what server it is. Valkey counts as Redis, under its own version. */
export function productIn(info: string): { readonly product: string; readonly version: string } {
  const version = fieldIn(info, 'redis_version') || 'unknown';
  const dragonfly = fieldIn(info, 'dragonfly_version');
  if (dragonfly !== '') return { product: 'Dragonfly', version: dragonfly.replace(/^df-v?/, '') };
  const valkey = fieldIn(info, 'valkey_version');
  if (valkey !== '') return { product: 'Valkey', version: valkey };
  const isKeyDb = /keydb/i.test(fieldIn(info, 'executable')) || /^# KeyDB/m.test(info);
  return { product: isKeyDb ? 'KeyDB' : 'Redis', version };
}

/** @returns the value of a field of `INFO`; empty if it has none. */
export function fieldIn(info: string, name: string): string {
  return new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
}
