import { headerValue } from '#shared/contract/headers.ts';

/** What a request asks for by `Prefer` (RFC 7240), as far as it is understood here. */
export interface Preference {
  /** `respond-async`: the request is handed over, and its answer may be asked for later. */
  readonly respondAsync: boolean;
  /** `wait`: how long the client wants to wait for the answer, in ms; undefined where it does not say. */
  readonly waitMs: number | undefined;
}

const none: Preference = { respondAsync: false, waitMs: undefined };

/** A preference as it stands in the field: a token, perhaps with a value; parameters after `;` say nothing to us. */
const preference = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;"]*))\s*)?(?:;.*)?$/;

/**
 * Reads all `Prefer` fields. What is not understood is passed over, as the RFC asks for, and so is a `wait` that is no
 * number of seconds; of a preference that is repeated the first counts.
 * @param headers names and values in turn.
 */
export function preferenceOf(headers: readonly string[]): Preference {
  if (headerValue(headers, 'prefer') === undefined) return none;
  const found = new Map<string, string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== 'prefer') continue;
    for (const part of splitOutsideQuotes(headers[i + 1] ?? '')) {
      const [, name, quoted, plain] = preference.exec(part) ?? [];
      const key = name?.toLowerCase();
      if (key !== undefined && !found.has(key)) found.set(key, quoted ?? plain ?? '');
    }
  }
  const wait = found.get('wait');
  return {
    respondAsync: found.has('respond-async'),
    waitMs: wait !== undefined && /^\d{1,9}$/.test(wait) ? Number(wait) * 1000 : undefined,
  };
}

function splitOutsideQuotes(value: string): string[] {
  return value.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? [];
}

/** @returns `Preference-Applied` for a request that was handed over. */
export function appliedPreference({ waitMs }: Preference): string {
  return waitMs === undefined ? 'respond-async' : `respond-async, wait=${waitMs / 1000}`;
}
