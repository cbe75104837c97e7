import { Problem } from '#shared/contract/errors.ts';

/** The query of a call to a route of the gateway's own, as Fastify parses it. */
export type Query = Readonly<Record<string, unknown>>;

const defaultLimit = 50;
const maxLimit = 200;
/** A time without a zone is refused: `Date.parse` would read it in the zone of this process. */
const dateTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** @returns a problem that says what is wrong with a call. */
export function malformed(detail: string): Problem {
  return new Problem('request_malformed', detail);
}

/** @throws {Problem} `request_malformed` if the query has a parameter with another name. */
export function checkNames(query: Query, names: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const known = names.length === 0 ? 'this call takes none' : `there are ${names.join(', ')}`;
  throw malformed(`There is no parameter ${unknown}; ${known}.`);
}

/**
 * @returns undefined if it is not given.
 * @throws {Problem} `request_malformed`.
 */
export function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw malformed(`${name} must be given once, and not be empty.`);
}

/**
 * @returns a time in ms since the epoch; undefined if it is not given.
 * @throws {Problem} `request_malformed`.
 */
export function timeOf(query: Query, name: string): number | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  const ms = typeof value === 'string' && dateTime.test(value) ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  const right = 'a date in UTC or a time with its zone, such as 2026-01-31T12:00:00Z';
  throw malformed(`${name} is ${JSON.stringify(value)}; it must be ${right}.`);
}

/**
 * @returns one of `values`; undefined if it is not given.
 * @throws {Problem} `request_malformed`.
 */
export function oneOf<Value extends string>(
  query: Query,
  name: string,
  values: readonly Value[],
): Value | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  const known = values.find((each) => each === value);
  if (known !== undefined) return known;
  throw malformed(`${name} is ${JSON.stringify(value)}; it must be one of ${values.join(', ')}.`);
}

/**
 * @returns how many entries a page has.
 * @throws {Problem} `request_malformed`.
 */
export function limitOf({ limit: value }: Query): number {
  if (value === undefined) return defaultLimit;
  const isCount = typeof value === 'string' && /^\d{1,3}$/.test(value);
  if (isCount && Number(value) >= 1 && Number(value) <= maxLimit) return Number(value);
  throw malformed(`limit is ${JSON.stringify(value)}; it must be a whole number from 1 to ${maxLimit}.`);
}

/** @returns the path of the page after `after`, which is what the query of the next call has. */
export function nextPagePath(path: string, query: Query, after: string): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const parameters = new URLSearchParams([...given.filter(([name]) => name !== 'after'), ['after', after]]);
  return `${path}?${parameters.toString()}`;
}
