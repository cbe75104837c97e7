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

/** What stands for something else in a form, or may be part of a character. */
const encoded = /[%+\x80-\xff]/;

/** @returns whether a name, as it stands in a query, is the one that is sought. */
function isNamed(text: string, name: string): boolean {
  return text === name || (encoded.test(text) && formDecoded(text) === name);
}

/**
 * Reads the parameters of a query (`application/x-www-form-urlencoded`) as bytes. `URLSearchParams` has U+FFFD for
 * all that is not UTF-8, so that different values are the same there.
 * @param target of a request, as `node:http` reads it.
 * @param most the number of values that are wanted.
 * @returns the values of the parameters of that name, as {@link keyOfBytes} has them.
 */
export function queryValues(target: string, name: string, most = Number.POSITIVE_INFINITY): string[] {
  const values: string[] = [];
  let from = target.indexOf('?') + 1;
  while (from > 0 && from < target.length && values.length < most) {
    const next = target.indexOf('&', from);
    const end = next < 0 ? target.length : next;
    const pair = target.slice(from, end);
    const equals = pair.indexOf('=');
    if (pair !== '' && isNamed(equals < 0 ? pair : pair.slice(0, equals), name)) {
      values.push(equals < 0 ? '' : formDecoded(pair.slice(equals + 1)));
    }
    from = end + 1;
  }
  return values;
}
