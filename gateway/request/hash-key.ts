import { headerValue } from '#shared/contract/headers.ts';
import { keyOfBytes } from '#shared/ring/key-text.ts';
import { cookieValues } from './cookies.ts';
import { percentDecoded, queryValues } from './query.ts';

/** A part of a request that can be its hash key. */
export type HashKeySource =
  | { readonly kind: 'header' | 'cookie' | 'query'; readonly name: string }
  | { readonly kind: 'path' | 'ip' | 'random' };

/** A setting names a source that does not exist. */
export class HashKeyError extends Error {
  override readonly name = 'HashKeyError';
}

const named = /^(header|cookie|query):(.+)$/;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * @param text the setting `HASH_KEY`, e.g. `header:ringpost-key,cookie:session,path`.
 * @throws {HashKeyError} that says which part is wrong and what would be right.
 */
export function parseHashKey(text: string): readonly HashKeySource[] {
  return text.split(',').map((part): HashKeySource => {
    const source = part.trim();
    if (source === 'path' || source === 'ip' || source === 'random') return { kind: source };
    const [, kind, name = ''] = named.exec(source) ?? [];
    if (kind === 'header' && token.test(name)) return { kind, name: name.toLowerCase() };
    if (kind === 'cookie' && token.test(name)) return { kind, name };
    if (kind === 'query') return { kind, name };
    throw new HashKeyError(
      `"${source}" is no source of a key; ` +
        'sources are header:<name>, cookie:<name>, query:<name>, path, ip, random',
    );
  });
}

/** @returns the sources as one text, which {@link parseHashKey} reads back. */
export function sourcesText(
  sources: readonly { readonly kind: HashKeySource['kind']; readonly name?: string }[],
): string {
  return sources.map(({ kind, name }) => (name === undefined ? kind : `${kind}:${name}`)).join(',');
}

export interface KeyedRequest {
  readonly target: string;
  readonly headers: readonly string[];
  /** The client's address. */
  readonly ip: string;
}

/**
 * Selects the hash key of a request. A key is bytes (see `key-text.ts`), so that it selects the same replica
 * from whichever source it comes. Queries and paths are percent-decoded.
 * @param random makes the key of the source `random`.
 * @returns the value of the first source that the request has; undefined if it has none. An empty value
 * counts as absent.
 */
export function selectHashKey(
  sources: readonly HashKeySource[],
  request: KeyedRequest,
  random: () => string,
): string | undefined {
  for (const source of sources) {
    const key = valueOf(source, request, random);
    if (key !== undefined && key !== '') return key;
  }
  return undefined;
}

function valueOf(source: HashKeySource, request: KeyedRequest, random: () => string): string | undefined {
  switch (source.kind) {
    case 'header':
      return keyOf(headerValue(request.headers, source.name));
    case 'cookie':
      return keyOf(cookieValues(request.headers, source.name, 1)[0]);
    case 'query':
      return queryValues(request.target, source.name, 1)[0];
    case 'path':
      return keyOf(percentDecoded(request.target.split('?', 1)[0] ?? ''));
    case 'ip':
      return request.ip;
    case 'random':
      return random();
    default:
      return source satisfies never;
  }
}

function keyOf(latin1: string | undefined): string | undefined {
  return latin1 === undefined ? undefined : keyOfBytes(latin1);
}

/** @returns a random key as in the assignment: six digits, 100000 to 999999. */
export function randomKey(random: () => number = Math.random): string {
  return String(100_000 + Math.floor(random() * 900_000));
}

/** @returns the names of the header fields and query parameters among the sources. */
export function fieldNames(sources: readonly HashKeySource[]): string[] {
  return sources.flatMap((each) => (each.kind === 'header' || each.kind === 'query' ? [each.name] : []));
}

/** @returns the sources without `random`, whose key is different for each request. */
export function namedSources(sources: readonly HashKeySource[]): readonly HashKeySource[] {
  return sources.filter(({ kind }) => kind !== 'random');
}

/** @returns the names of the header fields among the sources, in lower case. */
export function keyFields(sources: readonly HashKeySource[]): ReadonlySet<string> {
  return new Set(sources.flatMap((source) => (source.kind === 'header' ? [source.name] : [])));
}
