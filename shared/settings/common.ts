import { notARedisUrl, parseRedisUrl, redisUrlPattern } from '../process/redis-url.ts';
import { shownUrl } from '../process/shown-url.ts';
import { parseUpstreams, upstreamFaults } from './upstreams.ts';

/** Settings that gateways and workers share. */
export const commonSettings = {
  REDIS_URL: {
    type: 'string',
    pattern: redisUrlPattern,
    description:
      'Redis to use: `redis://`, `rediss://` with TLS, `redis+sentinel://h1,h2,h3/name`, ' +
      '`redis+cluster://h1,h2/` or `redis+unix:///path`, as `docs/redis.md` explains. Unset: `npm start` runs ' +
      'a private one.',
  },
  NAMESPACE: {
    type: 'string',
    default: 'ringpost',
    pattern: '^[A-Za-z0-9_.-]{1,64}$',
    description: 'Prefix of all keys in Redis. Systems with different prefixes do not see each other.',
  },
  HANDLER: {
    type: 'string',
    description:
      'File whose default export answers the requests, a fetch-style handler. `HANDLER`, `UPSTREAM`, ' +
      '`UPSTREAMS` and `COMMAND` exclude each other.',
  },
  UPSTREAM: {
    type: 'string',
    pattern: '^https?://.+',
    description: 'HTTP server that each replica forwards its requests to, e.g. `http://127.0.0.1:3000`.',
  },
  UPSTREAMS: {
    type: 'string',
    description:
      'HTTP servers, one for each replica, separated by commas, e.g. `http://a:3000,http://b:3000`. A ' +
      'new replica takes the first one that is free, and keeps it.',
  },
  COMMAND: {
    type: 'string',
    pattern: '\\S',
    description:
      'Command line of a program that serves HTTP on the port in `PORT`, e.g. `python3 app.py`. Each ' +
      'replica starts its own copy and forwards its requests to it.',
  },
  COMMAND_READY: {
    type: 'string',
    pattern: '^/[!-~]*$',
    description:
      'Path, e.g. `/healthz`, that the program of `COMMAND` answers with 2xx or 3xx once it is ready. ' +
      'Unset: it is ready when it accepts a connection.',
  },
  UPSTREAM_HOST: {
    type: 'string',
    default: 'client',
    enum: ['client', 'upstream'],
    description:
      "The `Host` that the upstream gets: the client's, or the upstream's own. TLS always uses the " +
      "upstream's name.",
  },
  FORWARDED: {
    type: 'string',
    default: 'both',
    enum: ['both', 'standard', 'none'],
    description:
      'How an upstream learns where a request came from. `both`: `Forwarded` and `X-Forwarded-For`, ' +
      '`-Proto` and `-Host`. `standard`: `Forwarded`, and the fields of a trusted proxy. `none`: none ' +
      'of them.',
  },
  CONCURRENCY: {
    type: 'integer',
    default: 100,
    minimum: 1,
    maximum: 10000,
    description: 'Requests that one replica runs at once.',
  },
  STREAM_CONCURRENCY: {
    type: 'integer',
    default: 1000,
    minimum: 1,
    maximum: 100000,
    description:
      'Streams that one replica sends at once. A stream whose head was sent does not count for `CONCURRENCY`.',
  },
  CONSUMER: {
    type: 'string',
    default: 'batched',
    enum: ['batched', 'stock'],
    description:
      "How a worker takes jobs. `batched`: many in one call, with BullMQ's own scripts. `stock`: one " +
      "at a time, with BullMQ's `Worker`.",
  },
  REPLY_TIMEOUT_MS: {
    type: 'integer',
    default: 30000,
    minimum: 1,
    maximum: 3600000,
    description:
      'Milliseconds that a client waits for its answer, or for the head of a stream, before it gets 504.',
  },
  DRAIN_TIMEOUT_MS: {
    type: 'integer',
    default: 10000,
    minimum: 0,
    maximum: 3600000,
    description: 'Milliseconds to finish the work in flight after SIGTERM or SIGINT.',
  },
  START_TIMEOUT_MS: {
    type: 'integer',
    default: 15000,
    minimum: 100,
    maximum: 3600000,
    description:
      'Milliseconds that a worker, with the program of `COMMAND`, may take to start before it is replaced.',
  },
  LEASE_MS: {
    type: 'integer',
    default: 3000,
    minimum: 300,
    maximum: 600000,
    description:
      'Milliseconds without a heartbeat after which a worker, or the leading controller, counts as ' +
      'lost.',
  },
  REPLICA_JOIN: {
    type: 'string',
    default: 'manual',
    enum: ['manual', 'auto'],
    description:
      'Who decides which replicas there are: operators, by `REPLICAS`, `/add` and `/rm`; or, with `auto`, the ' +
      'workers that you start (`REPLICA_DRIVER=none`). The worker and the controller read it.',
  },
  HANDLER_STALL_MS: {
    type: 'integer',
    minimum: 100,
    maximum: 3600000,
    description:
      "Milliseconds for which a handler may block its worker's event loop before the worker is " +
      'replaced; less than `REPLY_TIMEOUT_MS`. Unset: 10000, or less if `REPLY_TIMEOUT_MS` is less.',
  },
  REPLY_LIMIT_BYTES: {
    type: 'integer',
    default: 33554432,
    minimum: 1024,
    maximum: 268435456,
    description:
      'Bytes that the body of an answer may have that is whole, or is a stream that is kept. If it has more, ' +
      'the client gets 502 `reply_too_large`. Streams that are not kept have no limit.',
  },
  STREAM_ABOVE_BYTES: {
    type: 'integer',
    default: 262144,
    minimum: 65536,
    maximum: 268435456,
    description: 'An answer with a body of more bytes is sent as a stream, even if its length is known.',
  },
  STREAM_IDLE_TIMEOUT_MS: {
    type: 'integer',
    default: 300000,
    minimum: 0,
    maximum: 86400000,
    description:
      'Milliseconds for which the source of a stream may bring no bytes before the stream is broken off. 0: ' +
      'without a limit.',
  },
  FAILED_TTL_S: {
    type: 'integer',
    default: 604800,
    minimum: 1,
    maximum: 31536000,
    description: 'Seconds for which a dead letter, an async request that failed for good, is kept.',
  },
  REDACT_HEADERS: {
    type: 'string',
    pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z, -]+$",
    description:
      'Further names of header fields and query parameters, separated by commas, whose values dead ' +
      'letters and callbacks do not show. `docs/dead-letters.md` lists the names that are always ' +
      'secret.',
  },
  REDACT_EXCEPT: {
    type: 'string',
    description:
      'Names of header fields and query parameters, separated by commas, that are shown although they ' +
      'end like a secret (`sort_key`). The names in `HASH_KEY` are added.',
  },
  DEAD_LETTER_BODIES: {
    type: 'string',
    default: 'keep',
    enum: ['keep', 'none'],
    description: '`none`: dead letters keep neither the body of the request nor that of the answer.',
  },
  PROTOCOL_TRACE: {
    type: 'string',
    description:
      'Folder in which each gateway, controller and worker of this host writes what it does, for the ' +
      'checker of `docs/protocol-trace.md`. For tests: it grows without a limit. Workers in containers ' +
      'do not get it.',
  },
  LOG_LEVEL: {
    type: 'string',
    default: 'warn',
    enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    description: 'Lowest level that is logged, on stderr.',
  },
  LOG_FORMAT: {
    type: 'string',
    default: 'auto',
    enum: ['auto', 'json', 'pretty'],
    description:
      'How logs are written. `json`: one JSON object a line. `pretty`: for people. `auto`: `pretty` if ' +
      'stderr is a terminal, `json` otherwise.',
  },
} as const;

/** The settings that say what a worker of its own process runs, and how. */
export const handlerSettings = [
  'HANDLER',
  'UPSTREAM',
  'UPSTREAMS',
  'COMMAND',
  'COMMAND_READY',
  'UPSTREAM_HOST',
  'FORWARDED',
] as const;

/** @returns the time in ms for which a handler may block the event loop of its worker. */
export function handlerStallMs(values: {
  readonly HANDLER_STALL_MS: number | undefined;
  readonly REPLY_TIMEOUT_MS: number;
}): number {
  return values.HANDLER_STALL_MS ?? Math.min(10_000, values.REPLY_TIMEOUT_MS - 1);
}

/** How long a gateway may route by a ring that it cannot confirm, in ms. After that it answers 503. */
export const ringStaleMs = 2000;
/** How often a gateway confirms its ring, in ms. */
export const ringPollMs = 500;
/** How long a retired replica's queue must have been empty before its worker ends, in ms. */
export const retiredIdleMs = ringStaleMs + 1000;

/**
 * @param name the name of the setting.
 * @param url its value.
 * @returns what is wrong with the value. No part of it is quoted, since it may have a password.
 */
export function redisUrlFaults(name: string, url: string | undefined): string[] {
  // The schema reports values that do not begin like this.
  if (url === undefined || !new RegExp(redisUrlPattern).test(url)) return [];
  const parsed = parseRedisUrl(url);
  if ('fault' in parsed) return [`${name} ${parsed.fault}`];
  return shownUrl(url) === undefined ? [`${name} ${notARedisUrl}`] : [];
}

/** The settings that say what a replica runs. At most one is set. */
const runnable = ['HANDLER', 'UPSTREAM', 'UPSTREAMS', 'COMMAND'] as const;

/** @returns faults that a schema cannot find: settings that exclude each other, and malformed URLs. */
export function commonFaults(values: {
  REDIS_URL?: string | undefined;
  HANDLER?: string | undefined;
  UPSTREAM?: string | undefined;
  UPSTREAMS?: string | undefined;
  COMMAND?: string | undefined;
  COMMAND_READY?: string | undefined;
  HANDLER_STALL_MS?: number | undefined;
  REPLY_TIMEOUT_MS?: number | undefined;
}): string[] {
  const faults: string[] = [];
  const chosen = runnable.filter((name) => values[name] !== undefined);
  if (chosen.length > 1) {
    const all = chosen.length === 2 ? 'both' : 'all';
    faults.push(`${chosen.join(' and ')} are ${all} set; a replica runs one of them`);
  }
  if (values.COMMAND_READY !== undefined && values.COMMAND === undefined) {
    faults.push('COMMAND_READY is set without COMMAND; it is a path of the program that COMMAND starts');
  }
  faults.push(...redisUrlFaults('REDIS_URL', values.REDIS_URL));
  faults.push(...upstreamFaults('UPSTREAM', values.UPSTREAM));
  faults.push(...parseUpstreams(values.UPSTREAMS).faults);
  const { HANDLER_STALL_MS: stallMs, REPLY_TIMEOUT_MS: replyMs } = values;
  if (stallMs !== undefined && replyMs !== undefined && stallMs >= replyMs) {
    faults.push(`HANDLER_STALL_MS is ${stallMs}; it must be below REPLY_TIMEOUT_MS, which is ${replyMs}`);
  }
  return faults;
}
