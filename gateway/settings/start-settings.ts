/** The settings by which a gateway starts and stops. */
export const startSettings = {
  READY_AFTER_MS: {
    type: 'integer',
    default: 15000,
    minimum: 0,
    maximum: 3600000,
    description:
      'Milliseconds that `/-/ready` waits at most for all replicas after the start of a gateway, from ' +
      'when one of them is ready.',
  },
  SHUTDOWN_DELAY_MS: {
    type: 'integer',
    default: 0,
    minimum: 0,
    maximum: 600000,
    description:
      'Milliseconds after SIGTERM or SIGINT for which a gateway still takes requests while `/-/ready` is ' +
      '503, so that load balancers can take it out. `DRAIN_TIMEOUT_MS` begins after it.',
  },
  ALLOW_SETTINGS_CHANGE: {
    type: 'string',
    enum: ['yes'],
    description:
      '`yes`: this gateway may start with another `HASH_KEY`, `CALLER_KEY`, `CALLER_SECRET` or ' +
      '`IDEMPOTENCY_SCOPE` than the other gateways. Those take no requests until they are started with ' +
      'the same ones.',
  },
} as const;
