import { isObject } from '#shared/contract/json-object.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Given } from './completion.ts';

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** The bytes of a field value (RFC 9110 5.5), as latin1. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Checked here because Node's base64 decoder skips other characters. */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Parses the body of a call that redrives.
 * @param body `{"headers":{…},"query":{…},"body":"…","encoding":"base64"}`; undefined or null if there is
 * none.
 * @throws {Problem} `request_malformed`.
 */
export function givenOf(body: unknown): Given {
  if (body === undefined || body === null) return { headers: {}, query: {} };
  if (!isObject(body)) throw malformed();
  const { headers = {}, query = {}, body: text, encoding = 'utf8', ...unknown } = body;
  if (Object.keys(unknown).length > 0 || !areValues(headers) || !areValues(query)) throw malformed();
  const fields = Object.entries(headers);
  if (!fields.every(([name, value]) => token.test(name) && fieldValue.test(value ?? ''))) throw malformed();
  const lower = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
  if (text === undefined) return { headers: lower, query };
  if (typeof text !== 'string' || (encoding !== 'utf8' && encoding !== 'base64')) throw malformed();
  if (encoding === 'base64' && !base64.test(text)) throw malformed();
  return { headers: lower, query, body: Buffer.from(text, encoding) };
}

function areValues(value: unknown): value is Readonly<Record<string, string | null>> {
  return isObject(value) && Object.values(value).every((each) => each === null || typeof each === 'string');
}

function malformed(): Problem {
  return new Problem(
    'request_malformed',
    'The body must be JSON such as {"headers":{"authorization":"Bearer …"},"query":{"token":"…"},"body":"…",' +
      '"encoding":"utf8"}, each of which may be left out, or none.',
  );
}
