import { Problem } from '#shared/contract/errors.ts';
import type { DeadLetterFilter, PageEnd } from '#shared/store/records/dead-letters.ts';
import { deadLettersPath } from '../records/dead-letter-view.ts';

/** The query of a call to `/-/dead-letters`, as Fastify parses it. */
export type Query = Readonly<Record<string, unknown>>;

const defaultLimit = 50;
const maxLimit = 200;
/** A time without a zone is refused: `Date.parse` would read it in the zone of this process. */
const dateTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;
const filters = ['replica', 'code', 'since', 'until'];

/** What a call lists. */
export interface Listing {
  readonly filter: DeadLetterFilter;
  readonly limit: number;
  readonly after: PageEnd | undefined;
}

/** @throws {Problem} `request_malformed`. */
export function listingOf(query: Query): Listing {
  checkNames(query, [...filters, 'limit', 'after']);
  const limit = limitOf(query['limit']);
  return { filter: filterOf(query), limit, after: pageEndOf(query['after']) };
}

/**
 * @returns the letters that a call changes.
 * @throws {Problem} `request_malformed` if the call does not say which: a forgotten filter must not change
 * all of them.
 */
export function selectionOf(query: Query): DeadLetterFilter {
  checkNames(query, [...filters, 'all']);
  const { all } = query;
  const filter = filterOf(query);
  if (all === 'true' || Object.keys(filter).length > 0) return filter;
  throw malformed(`Say which dead letters are meant: by ${filters.join(', ')}, or ?all=true.`);
}

/** @returns the path of the page after `end`. */
export function nextPath(query: Query, { ended, id }: PageEnd): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const parameters = new URLSearchParams([
    ...given.filter(([name]) => name !== 'after'),
    ['after', `${ended}~${id}`],
  ]);
  return `${deadLettersPath}?${parameters.toString()}`;
}

function checkNames(query: Query, names: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw malformed(`There is no parameter ${unknown}; there are ${names.join(', ')}.`);
}

function filterOf(query: Query): DeadLetterFilter {
  const text = (name: string): object => {
    const value = query[name];
    if (value === undefined) return {};
    if (typeof value === 'string' && value !== '') return { [name]: value };
    throw malformed(`${name} must be given once, and not be empty.`);
  };
  const time = (name: string): object => {
    const value = query[name];
    if (value === undefined) return {};
    const ms = typeof value === 'string' && dateTime.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(ms)) return { [name]: ms };
    const right = 'a date in UTC or a time with its zone, such as 2026-01-31T12:00:00Z';
    throw malformed(`${name} is ${JSON.stringify(value)}; it must be ${right}.`);
  };
  return { ...text('replica'), ...text('code'), ...time('since'), ...time('until') };
}

function limitOf(value: unknown): number {
  if (value === undefined) return defaultLimit;
  if (
    typeof value === 'string' &&
    /^\d{1,3}$/.test(value) &&
    Number(value) >= 1 &&
    Number(value) <= maxLimit
  ) {
    return Number(value);
  }
  throw malformed(`limit is ${JSON.stringify(value)}; it must be a whole number from 1 to ${maxLimit}.`);
}

function pageEndOf(value: unknown): PageEnd | undefined {
  if (value === undefined) return undefined;
  const [, ended, id] = (typeof value === 'string' && /^(\d{1,16})~(.+)$/.exec(value)) || [];
  if (ended !== undefined && id !== undefined) return { ended: Number(ended), id };
  throw malformed('after must be the one that the page before has in next.');
}

/** @returns a problem that says what is wrong with a call. */
export function malformed(detail: string): Problem {
  return new Problem('request_malformed', detail);
}
