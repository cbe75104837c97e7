/**
 * @param headers names and values in turn.
 * @param name in lower case.
 * @returns the values of all header fields of that name.
 */
export function headerValues(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const field = headers[at] ?? '';
    if (field.length === name.length && field.toLowerCase() === name) values.push(headers[at + 1] ?? '');
  }
  return values;
}

/** @returns the values of all cookies of that name. */
export function cookieValues(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (const field of headerValues(headers, 'cookie')) {
    for (const pair of field.split(';')) {
      const at = pair.indexOf('=');
      if (at > 0 && pair.slice(0, at).trim() === name) values.push(pair.slice(at + 1).trim());
    }
  }
  return values;
}

/** @returns the values of all parameters of that name in the query of a target. */
export function queryValues(target: string, name: string): string[] {
  const at = target.indexOf('?');
  return at < 0 ? [] : new URLSearchParams(target.slice(at + 1)).getAll(name);
}
