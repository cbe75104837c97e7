import { createHash, timingSafeEqual } from 'node:crypto';

/** A token that opens the admin side. The token itself is not kept. */
export interface Token {
  /** The holder's name, for the log. */
  readonly name: string;
  /** SHA-256 of its UTF-8 bytes. */
  readonly digest: Buffer;
}

/** Characters that a token must have. */
const minCharacters = 16;

/** `name:` before a token. */
const named = /^([A-Za-z0-9_.-]{1,64}):/;

/**
 * Parses a list of tokens, e.g. `ops:<token>,ci:<token>`.
 * @param text tokens, separated by commas, each with an optional name and colon before it.
 * @param name of tokens without one.
 * @returns the tokens, and what is wrong with the others. Faults never repeat a token.
 */
export function parseTokens(text: string, name: string): { tokens: Token[]; faults: string[] } {
  const tokens: Token[] = [];
  const faults: string[] = [];
  if (text.trim() === '') return { tokens, faults };
  for (const [at, entry] of text.split(',').entries()) {
    const item = entry.trim();
    const prefix = named.exec(item);
    const token = item.slice(prefix?.[0].length ?? 0);
    if (token.length < minCharacters) {
      faults.push(`has a token of fewer than ${minCharacters} characters at place ${at + 1}`);
    } else {
      tokens.push({ name: prefix?.[1] ?? name, digest: tokenDigest(token) });
    }
  }
  return { tokens, faults };
}

/**
 * @param text a list as {@link parseTokens} takes it.
 * @returns the first token, without its name, as a caller presents it; undefined if there is none.
 */
export function firstToken(text: string): string | undefined {
  const item = text.split(',', 1)[0]?.trim() ?? '';
  const token = item.slice(named.exec(item)?.[0].length ?? 0);
  return token === '' ? undefined : token;
}

/**
 * @param authorization the header, as Node gives it.
 * @returns the digest of the bearer token in it (RFC 6750); undefined if there is none.
 */
export function presentedDigest(authorization: string | undefined): Buffer | undefined {
  const scheme = /^Bearer +/i.exec(authorization ?? '')?.[0];
  if (authorization === undefined || scheme === undefined) return undefined;
  // Node reads the bytes of a header as Latin-1.
  return digestOf(Buffer.from(authorization.slice(scheme.length), 'latin1'));
}

/** @returns the digest of a token that was given as text. */
export function tokenDigest(token: string): Buffer {
  return digestOf(Buffer.from(token, 'utf8'));
}

/** @returns whether two secret texts are the same, in a time that does not depend on where they differ. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(tokenDigest(one), tokenDigest(other));
}

/** @returns the token with this digest. It takes the same time whether and wherever there is one. */
export function findToken(tokens: readonly Token[], digest: Buffer | undefined): Token | undefined {
  if (digest === undefined) return undefined;
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found ??= token;
  return found;
}

/** A digest has a fixed length, as a comparison in constant time needs. */
function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
