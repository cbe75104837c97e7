import { headerValue } from '#shared/contract/headers.ts';
import { checkFieldSize } from './own-fields.ts';
import { PreferParser } from './prefer-parser.ts';

/** The preferences of `Prefer` (RFC 7240) that ringpost knows. */
export interface Preference {
  /** `respond-async`: the request is accepted as async, and its answer can be fetched later. */
  readonly respondAsync: boolean;
  /** `wait`: how long the client wants to wait for the answer, in ms; undefined if it does not say. */
  readonly waitMs: number | undefined;
}

const none: Preference = { respondAsync: false, waitMs: undefined };

/**
 * Reads all `Prefer` fields. Unknown preferences are ignored, as the RFC requires, and so is a `wait` that is
 * not a number of seconds. If a preference is repeated, the first one counts.
 * @param headers alternating names and values.
 * @throws {Problem} `request_malformed` if the fields are too long.
 */
export function preferenceOf(headers: readonly string[]): Preference {
  if (headerValue(headers, 'prefer') === undefined) return none;
  const found = new Map<string, string>();
  let bytes = 0;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'prefer') continue;
    const field = headers[i + 1] ?? '';
    bytes += field.length;
    checkFieldSize('Prefer', bytes);
    for (const [name, value] of new PreferParser(field).parse()) {
      if (!found.has(name)) found.set(name, value);
    }
  }
  const wait = found.get('wait');
  return {
    respondAsync: found.has('respond-async'),
    waitMs: wait !== undefined && /^\d{1,9}$/.test(wait) ? Number(wait) * 1000 : undefined,
  };
}

/** @returns the `Preference-Applied` of an async request. */
export function appliedPreference({ waitMs }: Preference): string {
  return waitMs === undefined ? 'respond-async' : `respond-async, wait=${waitMs / 1000}`;
}
