import { cookieValues } from '../request/cookies.ts';
import { queryValues } from '../request/query.ts';
import { headerValues } from '../request/field-values.ts';
import { HashKeyError, parseHashKey } from '../request/hash-key.ts';
import type { KeyedRequest } from '../request/hash-key.ts';

/** A part of a request that can identify its caller. */
export type CallerSource =
  | { readonly kind: 'header' | 'cookie' | 'query'; readonly name: string }
  | { readonly kind: 'ip' };

/** What identifies the caller of a request. */
export interface Identity {
  /** The kind, name and values of each source that counts; empty for the anonymous caller. */
  readonly parts: readonly (readonly string[])[];
  /** Whether one of them is a header field other than `Cookie`: an `Authorization`, or an API key. */
  readonly byHeader: boolean;
}

/**
 * @param text the setting `CALLER_KEY`, in the syntax of `HASH_KEY`.
 * @throws {HashKeyError} that says which part is wrong and what would be right.
 */
export function parseCallerKey(text: string): readonly CallerSource[] {
  return parseHashKey(text).map((source): CallerSource => {
    switch (source.kind) {
      case 'header':
      case 'cookie':
      case 'query':
        return { kind: source.kind, name: source.name };
      case 'ip':
        return { kind: 'ip' };
      case 'path':
        throw refused('path', 'any caller can send the same path');
      case 'random':
        throw refused('random', 'it is different for each request');
      default:
        return source satisfies never;
    }
  });
}

function refused(kind: string, why: string): HashKeyError {
  return new HashKeyError(
    `"${kind}" does not tell callers apart: ${why}; ` +
      'sources are header:<name>, cookie:<name>, query:<name>, ip',
  );
}

/**
 * All sources that a request has form the identity together, so that a caller gains nothing by leaving one
 * out. The whole `Cookie` field changes from request to request, so it counts only if the request has no
 * other source but the address. An empty value counts as absent.
 */
export function identityOf(sources: readonly CallerSource[], request: KeyedRequest): Identity {
  const parts: string[][] = [];
  let cookies: string[] | undefined;
  let named = false;
  let byHeader = false;
  for (const source of sources) {
    const name = source.kind === 'ip' ? '' : source.name;
    const values = valuesOf(source, request).filter((value) => value !== '');
    if (values.length === 0) continue;
    const part = [source.kind, name, ...values];
    if (source.kind === 'header' && name === 'cookie') cookies = part;
    else parts.push(part);
    if (cookies === part) continue;
    named ||= source.kind !== 'ip';
    byHeader ||= source.kind === 'header';
  }
  if (cookies !== undefined && !named) parts.push(cookies);
  return { parts, byHeader };
}

/** @returns all values: the application may use another one than the first. */
function valuesOf(source: CallerSource, { target, headers, ip }: KeyedRequest): string[] {
  switch (source.kind) {
    case 'header':
      return headerValues(headers, source.name);
    case 'cookie':
      return cookieValues(headers, source.name);
    case 'query':
      return queryValues(target, source.name);
    case 'ip':
      return [ip];
    default:
      return source satisfies never;
  }
}
