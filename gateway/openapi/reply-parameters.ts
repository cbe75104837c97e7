/** Header fields that say which part of an answer a client wants. */
export const replyFields = {
  type: 'object',
  properties: {
    'Ringpost-Offset': {
      type: 'integer',
      minimum: 0,
      description: 'From which byte on; the answer repeats it.',
    },
    Range: {
      type: 'string',
      description:
        '`bytes=N-` or `bytes=N-M`: what is there. `bytes=N-9007199254740991`: what comes too (RFC 8673).',
    },
    'Last-Event-ID': {
      type: 'string',
      description: 'The last event that the client knows of an answer with server-sent events.',
    },
    'If-None-Match': { type: 'string', description: 'With `offset`: the `ETag` of a piece.' },
  },
};

/** Parameters of the Durable Streams protocol. */
export const durableParameters = {
  offset: {
    type: 'string',
    description: '`-1`: the start. `now`: the present end. Otherwise the `Stream-Next-Offset` of an answer.',
  },
  live: { type: 'string', enum: ['long-poll', 'sse'], description: 'Waits for bytes to come.' },
  cursor: { type: 'string', description: 'The `Stream-Cursor` of the answer before.' },
};
