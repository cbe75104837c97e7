const text = { type: 'string' };
const count = { type: 'integer', minimum: 0 };
const time = { ...count, description: 'ms since the epoch' };
const names = { type: 'array', items: text };

function object(properties: Record<string, object>, more: object = {}): object {
  return { type: 'object', properties, required: Object.keys(properties), ...more };
}

function orNull(schema: object): object {
  return { anyOf: [schema, { type: 'null' }] };
}

/** The JSON schema of `AutoscaleView` in `shared/contract/api/autoscale.ts`. */
export const autoscale = object({
  configured: { type: 'boolean', description: 'Whether the leading controller has `AUTOSCALE`.' },
  enabled: { type: 'boolean', description: 'Whether it adds and removes replicas.' },
  range: orNull(object({ min: count, max: count })),
  stopped: orNull(object({ by: { enum: ['add', 'rm', 'operator'] }, at: time })),
  decision: orNull(
    object({
      at: time,
      wanted: {
        type: ['integer', 'null'],
        description: 'Replicas that the load wants, within the range; null if the load is not known.',
      },
      replicas: { ...count, description: 'Those that are not drained, paused or ejected.' },
      reason: { ...text, description: 'In one sentence.' },
      hot: { ...names, description: 'Replicas that are busy while the others are idle.' },
    }),
  ),
  change: orNull(object({ at: time, direction: { enum: ['up', 'down'] }, names, reason: text })),
});
