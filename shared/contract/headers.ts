import { isEndToEnd } from './end-to-end-fields.ts';

/** The fields that belong to one connection and not to the message (RFC 9110 7.6.1), and `Expect`. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);

/** What most clients send. Neither option names a field that is not stripped anyway. */
const usual = /^(?:keep-alive|close)$/i;

/**
 * @param raw alternating names and values.
 * @returns the names that `Connection` fields list, in lower case.
 */
export function namedInConnection(raw: readonly string[]): string[] {
  const named: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i];
    if (name?.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = raw[i + 1] ?? '';
    if (usual.test(value)) continue;
    for (const option of value.split(',')) named.push(option.trim().toLowerCase());
  }
  return named;
}

/**
 * @returns whether the field of this lower-case name belongs to one connection, whatever `Connection` says.
 */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

/**
 * Removes the fields that must not be forwarded: those of one connection, and those that `Connection` names,
 * unless they are end-to-end fields. The order and repeated fields are kept. Content-Length is kept too: code
 * that changes the length of the body must correct it.
 * @param raw alternating names and values.
 * @returns a new array of the same shape.
 * @see RFC 9110 section 7.6.1
 */
export function stripHopByHop(raw: readonly string[]): string[] {
  const listed = namedInConnection(raw).filter((name) => !isEndToEnd(name));
  const named = listed.length === 0 ? undefined : new Set(listed);
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower)) continue;
    if (named?.has(lower)) continue;
    kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

/**
 * @param raw alternating names and values.
 * @param lowerCaseName the name to find, in lower case.
 * @returns the value of the first field of that name; undefined if there is none.
 */
export function headerValue(raw: readonly string[], lowerCaseName: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return raw[i + 1];
  }
  return undefined;
}

/**
 * @param raw alternating names and values.
 * @param name in lower case.
 * @returns the fields that have another name.
 */
export function withoutField(raw: readonly string[], name: string): string[] {
  return raw.filter((_, at) => raw[at - (at % 2)]?.toLowerCase() !== name);
}
