import { isReplicaName } from '#shared/contract/replica-name.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { requestStates } from '#shared/contract/request-record.ts';
import type { RequestRecord, RequestState } from '#shared/contract/request-record.ts';
import { keyDigest, keyDigestPattern } from '#shared/ring/key-digest.ts';
import type { Moment } from '#shared/store/records/index-reader.ts';
import type { RequestFilter } from '#shared/store/records/request-search.ts';
import { checkNames, limitOf, malformed, oneOf, textOf, timeOf } from '../routes/query-parameters.ts';
import type { Query } from '../routes/query-parameters.ts';
import { shownDigits } from './short-id.ts';

const names = ['id', 'key', 'replica', 'state', 'status', 'from', 'to', 'limit', 'after'];

/** What a call of `GET /-/api/requests` asks for: one request by its id, or a page. */
export type RequestQuery =
  | { readonly id: string }
  | {
      readonly id: undefined;
      readonly filter: RequestFilter;
      readonly limit: number;
      readonly after: Moment | undefined;
    };

/**
 * @param key the parameter `key`, as `queryValues` decodes it.
 * @throws {Problem} `request_malformed`.
 */
export function requestQueryOf(query: Query, key: string | undefined): RequestQuery {
  checkNames(query, names);
  const id = textOf(query, 'id');
  if (id !== undefined) {
    if (Object.keys(query).length > 1)
      throw malformed('id finds one request; leave the other parameters out.');
    if (replicaOf(id) === undefined)
      throw malformed(`id is ${JSON.stringify(id)}; it must be as the field Ringpost-Request shows it.`);
    return { id };
  }
  if (Array.isArray(query['key']) || key === '') throw malformed('key must be given once, and not be empty.');
  const replica = textOf(query, 'replica');
  if (replica !== undefined && !isReplicaName(replica))
    throw malformed(`replica is ${JSON.stringify(replica)}; it must be the name of a replica, such as S1.`);
  const from = timeOf(query, 'from') ?? 0;
  const to = timeOf(query, 'to') ?? Number.MAX_SAFE_INTEGER;
  if (from > to) throw malformed('from must not be later than to.');
  const matches = matcherOf(oneOf(query, 'state', requestStates), statusesOf(textOf(query, 'status')));
  const filter = {
    from: Math.max(0, from),
    // The indexes have 15 digits for a time.
    to: Math.min(Math.max(0, to), 999_999_999_999_999),
    ...(replica === undefined ? {} : { replica }),
    ...(key === undefined ? {} : { digests: digestsOf(key) }),
    ...(matches === undefined ? {} : { matches }),
  };
  return { id: undefined, filter, limit: limitOf(query), after: momentOf(query['after']) };
}

/** @returns the cursor of the page after a request. A viewer's does not tell the id. */
export function cursorOf({ accepted, uuid }: Moment, onlyViews: boolean): string {
  return `${accepted}~${onlyViews ? uuid.slice(0, shownDigits) : uuid}`;
}

/**
 * @param value the parameter `after`.
 * @throws {Problem} `request_malformed`.
 */
export function momentOf(value: unknown): Moment | undefined {
  if (value === undefined) return undefined;
  const moment = typeof value === 'string' ? parseMoment(value) : undefined;
  if (moment !== undefined) return moment;
  throw malformed('after must be the one that the page before has in next.');
}

/** @returns undefined for a text that {@link cursorOf} cannot have made. */
export function parseMoment(text: string): Moment | undefined {
  const [, accepted, uuid] = /^(\d{1,15})~([0-9a-f-]{8,36})$/.exec(text) ?? [];
  return accepted === undefined || uuid === undefined ? undefined : { accepted: Number(accepted), uuid };
}

/** A text that may be a digest can also be a key. */
function digestsOf(key: string): readonly string[] {
  return keyDigestPattern.test(key) ? [key, keyDigest(key)] : [keyDigest(key)];
}

function statusesOf(text: string | undefined): ((status: number) => boolean) | undefined {
  if (text === undefined) return undefined;
  if (/^[1-5]\d\d$/.test(text)) return (status) => status === Number(text);
  if (/^[1-5]xx$/.test(text)) return (status) => Math.floor(status / 100) === Number(text[0]);
  throw malformed(`status is ${JSON.stringify(text)}; it must be a status such as 503, or 5xx.`);
}

function matcherOf(
  state: RequestState | undefined,
  hasStatus: ((status: number) => boolean) | undefined,
): ((record: RequestRecord) => boolean) | undefined {
  if (state === undefined && hasStatus === undefined) return undefined;
  return (record) =>
    (state === undefined || record.state === state) &&
    (hasStatus === undefined || (record.status !== undefined && hasStatus(record.status)));
}
