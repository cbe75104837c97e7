/** @returns a schema of an object with these properties, all required except the optional ones. */
export function object(
  properties: Record<string, object>,
  optional: readonly string[] = [],
  more: object = {},
): object {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false, ...more };
}

export const text = { type: 'string' };
export const count = { type: 'integer', minimum: 0 };
