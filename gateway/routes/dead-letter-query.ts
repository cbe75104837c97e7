import type { DeadLetterFilter, PageEnd } from '#shared/store/records/dead-letters.ts';
import { deadLettersPath } from '../records/dead-letter-view.ts';
import { checkNames, limitOf, malformed, nextPagePath, textOf, timeOf } from './query-parameters.ts';
import type { Query } from './query-parameters.ts';

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
  return { filter: filterOf(query), limit: limitOf(query), after: pageEndOf(query['after']) };
}

/** The letters that a call changes. */
export interface LetterSelection {
  readonly filter: DeadLetterFilter;
  /** Whether nothing is to be changed. */
  readonly dryRun: boolean;
}

/**
 * @returns the letters that a call changes.
 * @throws {Problem} `request_malformed` if the call does not say which: a forgotten filter must not change
 * all of them.
 */
export function selectionOf(query: Query): LetterSelection {
  checkNames(query, [...filters, 'all', 'dry-run']);
  const { all } = query;
  const filter = filterOf(query);
  const dryRun = query['dry-run'];
  if (dryRun !== undefined && dryRun !== 'true' && dryRun !== 'false')
    throw malformed(`dry-run is ${JSON.stringify(dryRun)}; it must be true or false.`);
  if (all === 'true' || Object.keys(filter).length > 0) return { filter, dryRun: dryRun === 'true' };
  throw malformed(`Say which dead letters are meant: by ${filters.join(', ')}, or ?all=true.`);
}

/** @returns the path of the page after `end`. */
export function nextPath(query: Query, { ended, id }: PageEnd): string {
  return nextPagePath(deadLettersPath, query, `${ended}~${id}`);
}

function filterOf(query: Query): DeadLetterFilter {
  const [replica, code] = [textOf(query, 'replica'), textOf(query, 'code')];
  const [since, until] = [timeOf(query, 'since'), timeOf(query, 'until')];
  return {
    ...(replica === undefined ? {} : { replica }),
    ...(code === undefined ? {} : { code }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

function pageEndOf(value: unknown): PageEnd | undefined {
  if (value === undefined) return undefined;
  const [, ended, id] = (typeof value === 'string' && /^(\d{1,16})~(.+)$/.exec(value)) || [];
  if (ended !== undefined && id !== undefined) return { ended: Number(ended), id };
  throw malformed('after must be the one that the page before has in next.');
}
