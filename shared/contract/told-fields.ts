/** CGI programs read `_` in a field's name as `-`. */
const told = /^ringpost[-_](?:request|replica|attempt|probe|resume[-_]from)$/;

/**
 * @param name the name of a field, in lower case.
 * @returns whether ringpost sets this field to tell an upstream which request it gets. No client may send it.
 */
export function isToldField(name: string): boolean {
  return name.startsWith('ringpost') && told.test(name);
}
