import { isEndToEnd } from './end-to-end-fields.ts';

/**
 * The fields that belong to one connection and not to the message (RFC 9110 7.6.1), and `Expect`, settled per
 * hop.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);

/** What most clients send; neither names a field that is not stripped anyway. */
const usual = /^(?:keep-alive|close)$/i;

/**
 * @param raw names and values in turn.
 * @returns each name, in lower case, that a `Connection` field lists.
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

/** @returns whether a field, its name in lower case, belongs to one connection whatever `Connection` says. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/**
 * The headers that may travel on to the next hop, in their order, repeated ones repeated. Removed are
 * Connection and the fields that it names, Keep-Alive, Proxy-Connection, Transfer-Encoding, TE, Trailer,
 * Upgrade and Expect, in any case. A field that `isEndToEnd` stays, whatever Connection names. Content-Length
 * stays: whoever changes the body's length mends it.
 * @param raw names and values in turn
 * @returns a new array of the same shape
 * @see RFC 9110 section 7.6.1
 */
export function stripHopByHop(raw: readonly string[]): string[] {
  const listed = namedInConnection(raw).filter((name) => !isEndToEnd(name));
  const named = listed.length === 0 ? undefined : new Set(listed);
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower)) continue;
    if (named?.has(lower)) continue;
    kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

/**
 * The value of the first header of that name, or undefined where there is none.
 * @param raw names and values in turn
 * @param lowerCaseName the name sought, already in lower case
 */
export function headerValue(raw: readonly string[], lowerCaseName: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i];
    if (name?.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return raw[i + 1];
  }
  return undefined;
}
