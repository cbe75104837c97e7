/** Programs that follow CGI read `_` in a name as `-`. */
const told = /^ringpost[-_](?:request|replica|attempt)$/;

/**
 * @param name of a field, in lower case.
 * @returns whether the field tells an upstream which request it gets. No client may send it.
 */
export function isToldField(name: string): boolean {
  return name.startsWith('ringpost') && told.test(name);
}
