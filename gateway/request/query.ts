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

/** Decodes a text of a form: percent-encoded, and with `+` for a space. */
function formDecoded(latin1: string): string {
  return keyOfBytes(percentDecoded(latin1.includes('+') ? latin1.replaceAll('+', ' ') : latin1));
}

/** Characters that are encoded in a form, or may be part of a longer UTF-8 sequence. */
const encoded = /[%+\x80-\xff]/;

/** @returns whether an encoded name is `name`. */
function isNamed(text: string, name: string): boolean {
  return text === name || (encoded.test(text) && formDecoded(text) === name);
}

/**
 * Reads the parameters of a query (`application/x-www-form-urlencoded`) as bytes. `URLSearchParams` replaces
 * all that is not UTF-8 by U+FFFD, which makes different values equal.
 * @param target of a request, as `node:http` reads it.
 * @param max the number of values to read.
 * @returns the values of the parameters of that name, as {@link keyOfBytes} has them.
 */
export function queryValues(target: string, name: string, max = Number.POSITIVE_INFINITY): string[] {
  const values: string[] = [];
  let from = target.indexOf('?') + 1;
  while (from > 0 && from < target.length && values.length < max) {
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
