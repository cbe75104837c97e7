/**
 * @param headers alternating names and values.
 * @param name in lower case.
 * @returns the values of all header fields of that name, in their order.
 */
export function headerValues(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const field = headers[at] ?? '';
    if (field.length === name.length && field.toLowerCase() === name) values.push(headers[at + 1] ?? '');
  }
  return values;
}
