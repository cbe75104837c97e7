/** What decides where a request goes if the owner of its key is overloaded. */
export const loadSettings = {
  AFFINITY: {
    type: 'string',
    default: 'strict',
    enum: ['strict', 'loose'],
    description:
      '`strict`: a request goes to the owner of its key, whatever the load. `loose`: if the owner is ' +
      'overloaded, it goes to a replica that is not. `Ringpost-Affinity` says it for one request.',
  },
  LOAD_BOUND: {
    type: 'string',
    default: '1.5',
    pattern: '^(1[.][1-9][0-9]*|[2-9]([.][0-9]+)?|10([.]0+)?)$',
    description:
      'How many times its fair share of all load a replica may have before loose requests go elsewhere: ' +
      'from 1.1 to 10.',
  },
} as const;
