/** The settings of what the head of a request may have. */
export const headSettings = {
  HEAD_LIMIT_BYTES: {
    type: 'integer',
    default: 65536,
    minimum: 1024,
    maximum: 1048576,
    description:
      "Bytes that a request's head, its first line and its header fields, may have before it gets 431.",
  },
  HEAD_LIMIT_FIELDS: {
    type: 'integer',
    default: 1000,
    minimum: 10,
    maximum: 100000,
    description: 'Header fields that a request may have before it gets 431.',
  },
} as const;
