/** Replaces a secret value. */
export const redactedValue = '[redacted]';

/** Which header fields and query parameters have secret values. Names are as {@link dashed} writes them. */
export interface Redaction {
  /** Always secret. */
  readonly secret: ReadonlySet<string>;
  /** Not secret, although their names end like that of a secret. */
  readonly kept: ReadonlySet<string>;
}

/** Fields that are secret in every system. */
const always = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  'x-amz-security-token',
];
/** Fields whose names end like that of a secret, and that are not secret. */
const never = ['idempotency-key', 'ringpost-key', 'ringpost-release-key'];

/** The endings by which a name is taken for that of a secret. */
const secretEnding =
  /(?:token|secret|password|passwd|passphrase|authorization|-key|(?:api|access|auth|private|secret)key|(?:^|-)pwd)$/;
/**
 * A signature in a query grants access, as in presigned URLs. One in a header field only proves something.
 */
const secretEndingInQuery = /(?:^|-)(?:signature|sig|jwt)$/;

/** Header fields whose values are URLs. */
const urlFields: ReadonlySet<string> = new Set([
  'ringpost-callback',
  'ringpost-failure-callback',
  'referer',
  'location',
  'content-location',
]);

/**
 * @param secret further names that are secret, separated by commas.
 * @param kept names that are not secret although they end like that of a secret, separated by commas.
 */
export function redactionOf(secret: string | undefined, kept: string | undefined): Redaction {
  return { secret: new Set([...always, ...namesIn(secret)]), kept: new Set([...never, ...namesIn(kept)]) };
}

function namesIn(setting: string | undefined): string[] {
  const names = (setting ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '').map((name) => dashed(name.toLowerCase()));
}

/**
 * @returns a lower-case name with one dash for each run of characters that are neither letters nor digits.
 */
function dashed(lowerCaseName: string): string {
  return lowerCaseName.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
}

/** @param patterns match names of secrets. */
function isSecret(name: string, { secret, kept }: Redaction, ...patterns: readonly RegExp[]): boolean {
  const lower = dashed(name.toLowerCase());
  if (secret.has(lower)) return true;
  if (kept.has(lower)) return false;
  // `apiKey` is treated like `api-key`.
  const words = dashed(name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase());
  return patterns.some((pattern) => pattern.test(lower) || pattern.test(words));
}

/** @returns whether the value of a header field is secret, whatever the case of its name. */
export function isSecretField(name: string, redaction: Redaction): boolean {
  return isSecret(name, redaction, secretEnding);
}

/** @param name the name of a query parameter, as it is in the query. */
function isSecretParameter(name: string, redaction: Redaction): boolean {
  return isSecret(decoded(name), redaction, secretEnding, secretEndingInQuery);
}

/**
 * @param headers alternating names and values.
 * @returns a copy without the values of secret fields and without the secrets in URLs.
 */
export function redact(headers: readonly string[], redaction: Redaction): string[] {
  return headers.map((text, at) => {
    if (at % 2 === 0) return text;
    const name = headers[at - 1] ?? '';
    if (isSecretField(name, redaction)) return redactedValue;
    return urlFields.has(name.toLowerCase()) ? redactUrl(text, redaction) : text;
  });
}

/** @returns alternating names and values of the fields that are not secret, without the secrets in URLs. */
export function withoutSecretFields(headers: readonly string[], redaction: Redaction): string[] {
  const kept = headers.filter((_, at) => !isSecretField(headers[at - (at % 2)] ?? '', redaction));
  return redact(kept, redaction);
}

/** @returns whether the value of a header field was redacted, in part or as a whole. */
export function isRedacted(name: string, value: string): boolean {
  return value === redactedValue || (urlFields.has(name.toLowerCase()) && value.includes(redactedValue));
}

/** @returns whether a request lacks a value that was redacted. */
export function isIncomplete({
  headers,
  target,
}: {
  readonly headers: readonly string[];
  readonly target: string;
}): boolean {
  return missingFields(headers).length > 0 || missingParameters(target).length > 0;
}

/**
 * @param headers of a letter: alternating names and values.
 * @returns the names, in lower case, of the fields whose values were not kept.
 */
export function missingFields(headers: readonly string[]): string[] {
  const missing = headers.filter((name, at) => at % 2 === 0 && isRedacted(name, headers[at + 1] ?? ''));
  return missing.map((name) => name.toLowerCase());
}

/** @returns a path and its query, without the values of secret parameters. */
export function redactTarget(target: string, redaction: Redaction): string {
  const { path, parts } = split(target);
  return path + parts.map((part) => redactPart(part, redaction)).join('&');
}

/** @returns the path, and the rest in parts; the first part begins with `?` or `#`. */
function split(target: string): { readonly path: string; readonly parts: readonly string[] } {
  const at = target.search(/[?#]/);
  if (at < 0) return { path: target, parts: [] };
  return { path: target.slice(0, at), parts: target.slice(at).split('&') };
}

/** A part may hold several parameters: some servers separate them by `;`, and a value may be a URL. */
function redactPart(part: string, redaction: Redaction): string {
  for (const { 0: text, 1: name = '', index } of part.matchAll(/(?:^|[?#;])([^=?#;]*)=/g)) {
    const end = index + text.length;
    if (end < part.length && isSecretParameter(name, redaction)) return part.slice(0, end) + redactedValue;
  }
  return part;
}

/** @returns a URL without its user, its password, and the values of secret parameters. */
export function redactUrl(text: string, redaction: Redaction): string {
  return redactTarget(withoutUser(text), redaction);
}

export function withoutUser(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text.replace(/\/\/[^/?#]*@/, `//${redactedValue}@`);
  if (url.username === '' && url.password === '') return text;
  const { protocol, host, pathname, search, hash } = url;
  return `${protocol}//${redactedValue}@${host}${pathname}${search}${hash}`;
}

const redactedParameter = /(^|[?#;])([^=?#;]*)=\[redacted\]$/;

/** @returns the names of those parameters of a target whose values were redacted. */
export function missingParameters(target: string): string[] {
  const names = split(target).parts.flatMap((part) => redactedParameter.exec(part)?.[2] ?? []);
  return [...new Set(names.map(decoded))];
}

/**
 * @param given values by the names of their parameters; null removes the parameter.
 * @returns the target with the given values in place of those that were redacted.
 */
export function completeTarget(target: string, given: Readonly<Record<string, string | null>>): string {
  const { path, parts } = split(target);
  const completed = parts.map((part) => {
    const [text, before = '', name = ''] = redactedParameter.exec(part) ?? [];
    const value = text === undefined ? undefined : ownValue(given, decoded(name));
    if (text === undefined || value === undefined) return part;
    const rest = part.slice(0, part.length - text.length);
    return value === null ? rest + before : `${rest}${before}${name}=${encodeURIComponent(value)}`;
  });
  if (completed.every((part, at) => part === parts[at])) return target;
  const query = completed.filter((part) => part !== '').join('&');
  return path + query.replace('?&', '?').replace(/[?#;]$/, '');
}

function ownValue(given: Readonly<Record<string, string | null>>, name: string): string | null | undefined {
  return Object.hasOwn(given, name) ? given[name] : undefined;
}

/** @returns a name as a server reads it. If it is not UTF-8, each byte becomes a character. */
function decoded(name: string): string {
  const spaced = name.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    const byte = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));
    return spaced.replaceAll(/%([0-9a-f]{2})/gi, byte);
  }
}
