/** The limits of a request's head. */
export const headSettings = {
  HEAD_LIMIT_BYTES: {
    type: 'integer',
    default: 65536,
    minimum: 1024,
    maximum: 1048576,
    description:
      'Bytes that the head of a request, its first line and its header fields, may have. A larger one ' +
      'gets 431.',
  },
  HEAD_LIMIT_FIELDS: {
    type: 'integer',
    default: 1000,
    minimum: 10,
    maximum: 100000,
    description: 'Header fields that a request may have. A request with more gets 431.',
  },
} as const;
