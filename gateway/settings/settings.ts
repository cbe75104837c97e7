import { driverSettings } from '../drivers/driver-settings.ts';
import { commonSettings } from '#shared/settings/common.ts';
import { headSettings } from '../edge/head-settings.ts';
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
      description: 'Port to listen on; 0 takes a free one.',
    },
    ROLE: {
      type: 'string',
      default: 'all',
      enum: ['all', 'gateway', 'controller'],
      description: 'What this process is: a gateway, a controller, or both.',
    },
    ...commonSettings,
    INSTALL_REDIS: {
      type: 'string',
      enum: ['yes'],
      description:
        '`yes`: `npm start` may install a missing Redis with sudo or brew. As root it does so without being told to.',
    },
    WORKER_REDIS_URL: {
      type: 'string',
      pattern: '^rediss?://.+',
      description:
        'Redis as the workers that the controller starts reach it, e.g. as a user of their own. Unset: `REDIS_URL`.',
    },
    REPLICAS: {
      type: 'integer',
      default: 3,
      minimum: 0,
      maximum: 10000,
      description: 'Replicas S1, S2 … of a new namespace; afterwards `/add` and `/rm` decide.',
    },
    MAX_REPLICAS: {
      type: 'integer',
      default: 64,
      minimum: 1,
      maximum: 10000,
      description: 'Replicas that there may be in all; a controller starts no more, oldest first.',
    },
    ...driverSettings,
    RING: {
      type: 'string',
      default: 'murmur3',
      enum: ['murmur3', 'assignment'],
      description: 'Which ring: murmurhash v3 with virtual nodes, or the 512 slots of the assignment.',
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
        'Where the key that selects the replica comes from, the first that is there: `header:<name>`, ' +
        '`cookie:<name>`, `query:<name>`, `path`, `ip`, `random`. Keys are bytes; queries and paths are percent-decoded.',
    },
    TRUSTED_PROXIES: {
      type: 'string',
      description:
        'Addresses and subnets of the proxies before the gateway, separated by commas, e.g. `10.1.0.0/16,::1`. ' +
        'They may say by `Forwarded` and `X-Forwarded-For` whom a request comes from; these and all ' +
        '`X-Forwarded-*` of anybody else are removed. Unset: of everybody.',
    },
    BODY_LIMIT_BYTES: {
      type: 'integer',
      default: 16777216,
      minimum: 0,
      maximum: 268435456,
      description: "Bytes that a request's body may have before it gets 413.",
    },
    ...headSettings,
    QUEUE_LIMIT: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 100000000,
      description:
        'Requests that may wait for one replica, those that are handed over or delayed included; past it a request gets ' +
        '503 at once.',
    },
    BYTES_IN_FLIGHT: {
      type: 'integer',
      default: 268435456,
      minimum: 1,
      maximum: 1099511627776,
      description:
        "Bytes of requests' bodies that a gateway holds at once; past it a request gets 503 at once.",
    },
    WATCH_LIMIT: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 10000000,
      description:
        'Clients that may wait at once at a gateway for the end of a request that was handed over, by long poll, ' +
        'stream, `Prefer: wait` or `Idempotency-Key`; past it such a call gets 503 at once.',
    },
    SEND_TIMEOUT_MS: {
      type: 'integer',
      default: 30000,
      minimum: 100,
      maximum: 3600000,
      description:
        'Milliseconds for which a client may take nothing of its answer before its connection is closed.',
    },
    MAX_CONNECTIONS: {
      type: 'integer',
      default: 10000,
      minimum: 1,
      maximum: 1000000,
      description:
        'Connections of clients that a gateway holds at once on each listener; further ones are closed at once.',
    },
    ATTEMPTS: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      description:
        'How often a request that may be repeated is answered at most, if `Ringpost-Attempts` does not say: it runs ' +
        'again after 429, 502, 503 and 504. Unset: once. Runs that were lost with their worker do not count.',
    },
    ASYNC_TIMEOUT_MS: {
      type: 'integer',
      default: 3600000,
      minimum: 1,
      maximum: 2147483647,
      description:
        'Milliseconds in which a request that was handed over (`Prefer: respond-async`) has to be done.',
    },
    RESULT_TTL_S: {
      type: 'integer',
      default: 3600,
      minimum: 1,
      maximum: 31536000,
      description: 'Seconds for which the answer of a request that was handed over is kept.',
    },
    IDEMPOTENCY_TTL_S: {
      type: 'integer',
      default: 86400,
      minimum: 1,
      maximum: 31536000,
      description:
        'Seconds after its end for which a request has its `Idempotency-Key`, and a repeat gets the same answer.',
    },
    CALLER_KEY: {
      type: 'string',
      default: 'header:authorization,header:x-api-key,header:cookie',
      description:
        'What tells the callers of requests apart: `header:<name>`, `cookie:<name>`, `query:<name>`, `ip`. All that are ' +
        'there count together; `header:cookie`, the whole field, only if no other one but `ip` is there.',
    },
    CALLER_SECRET: {
      type: 'string',
      description:
        'At least 16 characters, the same for all gateways, by which the digests of callers are made. Unset: a random ' +
        'one that the gateways keep in Redis.',
    },
    IDEMPOTENCY_SCOPE: {
      type: 'string',
      default: 'shared',
      enum: ['shared', 'caller'],
      description:
        'Whether an `Idempotency-Key` of one caller is refused to others, or each caller has keys of its own.',
    },
    CALLBACK_SECRET: {
      type: 'string',
      description:
        'Signs callbacks (Standard Webhooks): `whsec_` and the base64 of 24 to 64 bytes; several, separated by commas, ' +
        'sign side by side while they are exchanged. Unset: callbacks are refused.',
    },
    CALLBACK_ALLOW: {
      type: 'string',
      description:
        'Addresses and subnets of private networks that callbacks may go to, by `http:` too, separated by commas, ' +
        'e.g. `10.1.0.0/16,127.0.0.1`. Unset: public addresses alone, by `https:`.',
    },
    ADD_TIMEOUT_MS: {
      type: 'integer',
      default: 30000,
      minimum: 1,
      maximum: 3600000,
      description: 'Milliseconds `/add` waits for the new replicas to be ready before it answers 504.',
    },
    FAILOVER_MS: {
      type: 'integer',
      default: 2000,
      minimum: 0,
      maximum: 3600000,
      description: 'Milliseconds a lost replica keeps its keys before they go to its successors.',
    },
    START_TIMEOUT_MS: {
      type: 'integer',
      default: 15000,
      minimum: 100,
      maximum: 3600000,
      description: 'Milliseconds a starting worker may take before it is replaced.',
    },
    ...startSettings,
    ADMIN_TOKEN: {
      type: 'string',
      description:
        'Bearer token that the admin side asks for (`/rep`, `/add`, `/rm`, and `/-/` but for live, ready and requests): ' +
        'at least 16 characters. Several, with names for the log: `ops:<token>,ci:<token>`.',
    },
    VIEW_TOKEN: {
      type: 'string',
      description:
        'Bearer token that reads metadata only, written like `ADMIN_TOKEN`: `/rep`, `/-/metrics`, `/-/ring` and ' +
        '`/-/dead-letters` without stderr, ids, queries and bodies.',
    },
    ADMIN_AUTH: {
      type: 'string',
      enum: ['none'],
      description:
        '`none` opens the admin side on an address that is not loopback, and behind a proxy, without a token; not to ' +
        'pages of other sites.',
    },
    ADMIN_HOSTS: {
      type: 'string',
      description:
        'Names, separated by commas, that `Host` may have in admin calls without a token, beside `localhost` and IP ' +
        'addresses.',
    },
    ADMIN_PORT: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      description:
        'Port of a listener of its own for the admin side; 0 takes a free one. `/rep`, `/add` and `/rm` on `PORT` are ' +
        'then dispatched. Unset: the admin side is on `PORT`.',
    },
    ADMIN_HOST: {
      type: 'string',
      default: '127.0.0.1',
      description: 'Address of the listener of `ADMIN_PORT`.',
    },
  },
  required: [],
} as const;
