import type { LoggedRequest } from './logged-request.ts';

/** All but printable ASCII characters: a terminal acts on some of them, e.g. U+009B. */
const unprintable = /[^\x20-\x7e]/g;

/** @returns an object in one line of ASCII, without the fields that are not known. */
export function jsonLine(request: LoggedRequest): string {
  const { at, ...fields } = request;
  return `${JSON.stringify({ time: new Date(at).toISOString(), ...fields }).replaceAll(unprintable, escaped)}\n`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
