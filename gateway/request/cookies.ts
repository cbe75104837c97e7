/**
 * Reads cookies. A client sends one `Cookie` field, but a request that arrived over HTTP/2 may have several
 * (RFC 9113 8.2.3).
 * @param headers alternating names and values.
 * @param max the number of values to read.
 * @returns the values of the cookies of that name, without the whitespace around them.
 */
export function cookieValues(
  headers: readonly string[],
  name: string,
  max = Number.POSITIVE_INFINITY,
): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length && values.length < max; at += 2) {
    const field = headers[at] ?? '';
    if (field.length !== 6 || field.toLowerCase() !== 'cookie') continue;
    for (const pair of headers[at + 1]?.split(';') ?? []) {
      const end = pair.indexOf('=');
      if (end > 0 && trimmed(pair.slice(0, end)) === name) values.push(trimmed(pair.slice(end + 1)));
    }
  }
  return values;
}

/**
 * Removes spaces and tabs around a text. `trim` would remove the byte A0 too, the last one of `à` in UTF-8.
 */
function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text.charCodeAt(from))) from += 1;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
