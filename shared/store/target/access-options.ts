import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import type { RedisUrl, TlsFiles } from '../../process/redis-url.ts';

/** What ioredis needs to know of a server. Its own type has all options. */
export interface TargetOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly family?: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: ConnectionOptions;
  readonly db?: number;
  readonly Connector?: NonNullable<RedisOptions['Connector']>;
  readonly reconnectOnError?: NonNullable<RedisOptions['reconnectOnError']>;
}

/** A file that a URL of Redis names cannot be read. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
}

/** @returns what a connection to a sentinel, or to a node of a Cluster, needs besides its address. */
export function probeOptions({ place, login, tls, family }: RedisUrl): TargetOptions {
  const { user, password } = place.kind === 'sentinel' ? place.login : login;
  const isTls = tls !== undefined && (place.kind !== 'sentinel' || place.tls);
  return {
    ...(user === '' ? {} : { username: user }),
    ...(password === '' ? {} : { password }),
    ...(isTls ? { tls: tlsOptions(tls) } : {}),
    ...(family === 0 ? {} : { family }),
  };
}

/** @returns what `node:tls` needs. */
export function tlsOptions({ ca, cert, key, servername }: TlsFiles): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new TlsFileError(`the file ${JSON.stringify(file)} for TLS cannot be read${code}`);
  }
}
