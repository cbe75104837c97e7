/** The settings by which a gateway starts. */
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
  ALLOW_SETTINGS_CHANGE: {
    type: 'string',
    enum: ['yes'],
    description:
      '`yes`: this gateway may start with another `HASH_KEY`, `CALLER_KEY`, `CALLER_SECRET` or ' +
      '`IDEMPOTENCY_SCOPE` than the other gateways. Those take no requests until they are started with ' +
      'the same ones.',
  },
} as const;
