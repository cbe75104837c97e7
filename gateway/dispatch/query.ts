import { keyOfBytes } from '#shared/ring/key-text.ts';

const escape = /%([0-9A-Fa-f]{2})/g;

/**
 * @param latin1 bytes, each as one character.
 * @returns the bytes without percent-encoding, each as one character; a `%` without two hex digits is itself.
 */
export function percentDecoded(latin1: string): string {
  if (!latin1.includes('%')) return latin1;
  return latin1.replaceAll(escape, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** @returns text of a form: percent-encoded, and with `+` for a space. */
function formDecoded(latin1: string): string {
  return keyOfBytes(percentDecoded(latin1.includes('+') ? latin1.replaceAll('+', ' ') : latin1));
}

/**
 * Reads the parameters of a query (`application/x-www-form-urlencoded`) as bytes. `URLSearchParams` has U+FFFD for
 * all that is not UTF-8, so that different values are the same there.
 * @param target of a request, as `node:http` reads it.
 * @returns the values of all parameters of that name, as {@link keyOfBytes} has them.
 */
export function* queryValues(target: string, name: string): Generator<string, void, undefined> {
  const at = target.indexOf('?');
  if (at < 0) return;
  for (const pair of target.slice(at + 1).split('&')) {
    const end = pair.indexOf('=');
    const own = end < 0 ? pair : pair.slice(0, end);
    if (pair === '' || (own !== name && formDecoded(own) !== name)) continue;
    yield end < 0 ? '' : formDecoded(pair.slice(end + 1));
  }
}
