import type { SettingsOf } from '#shared/settings/load-settings.ts';
import { autoscaleSettings } from './autoscale-settings.ts';
import { accessLogSettings } from '../access-log/access-log-settings.ts';
import { driverSettings } from '../drivers/driver-settings.ts';
import { commonSettings } from '#shared/settings/common.ts';
import { headSettings } from '../edge/head-settings.ts';
import { loadSettings } from './load-settings.ts';
import { outlierSettings } from '../outliers/outlier-settings.ts';
import { redisSettings } from './redis-settings.ts';
import { startSettings } from './start-settings.ts';

/** The settings of a gateway, of a controller, and of `npm start`, which is both. */
export const gatewaySettings = {
  type: 'object',
  properties: {
    HOST: { type: 'string', default: '127.0.0.1', description: 'Address to listen on.' },
    PORT: {
      type: 'integer',
      default: 5000,
      minimum: 0,
      maximum: 65535,
      description: 'Port to listen on; 0 picks a free one.',
    },
    ROLE: {
      type: 'string',
      default: 'all',
      enum: ['all', 'gateway', 'controller'],
      description: 'What this process is: a gateway, a controller, or both.',
    },
    ...commonSettings,
    ...redisSettings,
    REPLICAS: {
      type: 'integer',
      minimum: 0,
      maximum: 10000,
      description:
        'Number of replicas of a new namespace, named S1, S2 …; afterwards `/add` and `/rm` decide. ' +
        'Unset: 3, or as many as `UPSTREAMS` lists; 0 with `REPLICA_JOIN=auto`.',
    },
    MAX_REPLICAS: {
      type: 'integer',
      default: 64,
      minimum: 1,
      maximum: 10000,
      description:
        'Highest number of replicas in all. If there are more, a controller starts the oldest ones only.',
    },
    ...autoscaleSettings,
    ...driverSettings,
    RING: {
      type: 'string',
      default: 'murmur3',
      enum: ['murmur3', 'assignment'],
      description: 'Ring strategy: MurmurHash3 with virtual nodes, or the 512 slots of the assignment.',
    },
    RING_VIRTUAL_NODES: {
      type: 'integer',
      minimum: 1,
      maximum: 10000,
      description: 'Virtual nodes for each unit of weight (murmur3: 160, assignment: 9).',
    },
    RING_PROBING: {
      type: 'string',
      enum: ['linear', 'quadratic'],
      description: 'How the assignment ring finds a free slot (linear).',
    },
    HASH_KEY: {
      type: 'string',
      default: 'header:ringpost-key,random',
      description:
        'Sources of the key that selects the replica; the first one that the request has decides: ' +
        '`header:<name>`, `cookie:<name>`, `query:<name>`, `path`, `ip`, `random`. Keys are bytes; ' +
        'queries and paths are percent-decoded.',
    },
    ...loadSettings,
    TRUSTED_PROXIES: {
      type: 'string',
      description:
        'Addresses and subnets of the proxies in front of the gateway, separated by commas, e.g. ' +
        '`10.1.0.0/16,::1`. Their `Forwarded`, `X-Forwarded-*` and `X-Real-IP` are believed and kept; ' +
        'those of all other peers are removed. Unset: no proxy is trusted.',
    },
    BODY_LIMIT_BYTES: {
      type: 'integer',
      default: 16777216,
      minimum: 0,
      maximum: 268435456,
      description: 'Bytes that the body of a request may have. A larger one gets 413.',
    },
    ...headSettings,
    QUEUE_LIMIT: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 100000000,
      description:
        'Requests that may wait for one replica, including async and delayed ones. Further ones get 503 ' +
        'at once.',
    },
    KEY_RATE: {
      type: 'string',
      pattern: '^[1-9][0-9]{0,4}/[smh]$',
      description:
        'Requests of one hash key that all gateways together accept in a second, minute or hour, e.g. ' +
        '`100/s`, at most 99999. Further ones get 429. Random keys do not count. Unset: no limit.',
    },
    KEY_CONCURRENCY: {
      type: 'integer',
      minimum: 1,
      maximum: 100000,
      description:
        'Requests of one hash key that run at once, on all replicas together. Further ones wait in the line ' +
        'of their key. Random keys do not count. Unset: no limit.',
    },
    BYTES_IN_FLIGHT: {
      type: 'integer',
      default: 268435456,
      minimum: 1,
      maximum: 1099511627776,
      description: 'Bytes of bodies that a gateway holds at once. Past it, requests get 503 at once.',
    },
    WATCH_LIMIT: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 10000000,
      description:
        'Clients that may wait at one gateway for the end of an async request, by long poll, stream, ' +
        '`Prefer: wait` or `Idempotency-Key`. Further ones get 503 at once.',
    },
    SEND_TIMEOUT_MS: {
      type: 'integer',
      default: 30000,
      minimum: 100,
      maximum: 3600000,
      description:
        'Milliseconds for which a client may read nothing of its answer before its connection is closed.',
    },
    MAX_CONNECTIONS: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 1000000,
      description:
        'Client connections that a gateway holds on each listener. Further ones are closed at once.',
    },
    ATTEMPTS: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      description:
        'Highest number of attempts of a request that may be repeated, if `Ringpost-Attempts` does not ' +
        'say: it runs again after 429, 502, 503 and 504. Unset: 1. Runs that were lost with their worker ' +
        'do not count.',
    },
    ASYNC_TIMEOUT_MS: {
      type: 'integer',
      default: 3600000,
      minimum: 1,
      maximum: 2147483647,
      description: 'Milliseconds in which an async request (`Prefer: respond-async`) has to be done.',
    },
    RESULT_TTL_S: {
      type: 'integer',
      default: 3600,
      minimum: 1,
      maximum: 31536000,
      description: 'Seconds for which the answer of an async request is kept.',
    },
    IDEMPOTENCY_TTL_S: {
      type: 'integer',
      default: 86400,
      minimum: 1,
      maximum: 31536000,
      description:
        'Seconds for which a request keeps its `Idempotency-Key` after its end; until then a repeat gets ' +
        'the same answer.',
    },
    CALLER_KEY: {
      type: 'string',
      default: 'header:authorization,header:x-api-key,header:cookie',
      description:
        'What identifies the caller of a request: `header:<name>`, `cookie:<name>`, `query:<name>`, ' +
        '`ip`. All sources that a request has count together. `header:cookie`, the whole field, counts ' +
        'only if there is no other source than `ip`.',
    },
    CALLER_SECRET: {
      type: 'string',
      description:
        'Secret of at least 16 characters, the same for all gateways, that keys the digests of callers. ' +
        'Unset: a random one that the gateways keep in Redis.',
    },
    IDEMPOTENCY_SCOPE: {
      type: 'string',
      default: 'shared',
      enum: ['shared', 'caller'],
      description:
        '`shared`: an `Idempotency-Key` that one caller uses is refused to others. `caller`: each caller ' +
        'has its own keys.',
    },
    CALLBACK_SECRET: {
      type: 'string',
      description:
        'Secret that signs callbacks (Standard Webhooks): `whsec_` and the base64 of 24 to 64 bytes. ' +
        'Several, separated by commas, sign side by side during a rotation. Unset: callbacks are refused.',
    },
    CALLBACK_ALLOW: {
      type: 'string',
      description:
        'Private addresses and subnets that callbacks may go to, over `http:` too, separated by commas, ' +
        'e.g. `10.1.0.0/16,127.0.0.1`. Unset: only public addresses, over `https:`.',
    },
    ADD_TIMEOUT_MS: {
      type: 'integer',
      default: 30000,
      minimum: 1,
      maximum: 3600000,
      description: 'Milliseconds that `/add` waits for the new replicas to be ready before it answers 504.',
    },
    FAILOVER_MS: {
      type: 'integer',
      default: 2000,
      minimum: 0,
      maximum: 3600000,
      description: 'Milliseconds for which a lost replica keeps its keys before they go to its successors.',
    },
    SLOW_START_MS: {
      type: 'integer',
      default: 0,
      minimum: 0,
      maximum: 3600000,
      description:
        'Milliseconds in which a replica that comes into the ring goes from a tenth of its weight to all of ' +
        'it. 0: it has all of it at once. Not with `RING=assignment`.',
    },
    ...outlierSettings,
    ...startSettings,
    ...accessLogSettings,
    ADMIN_TOKEN: {
      type: 'string',
      description:
        'Bearer token of at least 16 characters that the admin side asks for: `/rep`, `/add`, `/rm`, and ' +
        'everything under `/-/` except live, ready and requests. Several, with names for the log: ' +
        '`ops:<token>,ci:<token>`.',
    },
    VIEW_TOKEN: {
      type: 'string',
      description:
        'Bearer token that reads metadata only, written like `ADMIN_TOKEN`: `/rep`, `/-/metrics`, ' +
        '`/-/ring`, `/-/dead-letters` and what `/-/api/` shows, without stderr, ids, keys, queries and bodies.',
    },
    ADMIN_AUTH: {
      type: 'string',
      enum: ['none'],
      description:
        '`none` opens the admin side without a token on an address that is not loopback, and behind a ' +
        'proxy, but not to pages of other sites.',
    },
    ADMIN_HOSTS: {
      type: 'string',
      description:
        'Names, separated by commas, that `Host` may have in admin calls without a token, in addition to ' +
        '`localhost` and IP addresses.',
    },
    ADMIN_PORT: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      description:
        'Port of a separate listener for the admin side; 0 picks a free one. `/rep`, `/add` and `/rm` on ' +
        '`PORT` are then dispatched. Unset: the admin side is on `PORT`.',
    },
    ADMIN_HOST: {
      type: 'string',
      default: '127.0.0.1',
      description: 'Address of the listener of `ADMIN_PORT`.',
    },
  },
  required: [],
} as const;

/** The values of these settings, each allowed by itself. */
export type GatewayValues = SettingsOf<typeof gatewaySettings>;
