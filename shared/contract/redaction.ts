/** What stands in place of a value that is kept secret. */
export const redactedValue = '[redacted]';

/** Header fields that are secret by what they are. */
const always = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie'];

/**
 * @param setting names of header fields, separated by commas.
 * @returns the lower-case names of all fields whose values are kept secret.
 */
export function secretHeaders(setting: string | undefined): ReadonlySet<string> {
  const more = (setting ?? '').split(',').map((name) => name.trim().toLowerCase());
  return new Set([...always, ...more.filter((name) => name !== '')]);
}

/**
 * @param headers names and values in turn.
 * @param secret lower-case names.
 * @returns a copy without the values of those.
 */
export function redact(headers: readonly string[], secret: ReadonlySet<string>): string[] {
  return headers.map((text, at) =>
    at % 2 === 1 && secret.has((headers[at - 1] ?? '').toLowerCase()) ? redactedValue : text,
  );
}
