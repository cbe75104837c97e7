/** What a stranger may send to make a parser slow: long runs of what a grammar leaves open. */

/** A request with one field, or target, of a nasty shape. */
export interface NastyRequest {
  readonly what: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Below the 64 KiB that a head may have. */
const lengthBytes = 60_000;
/** Of our own fields no more than this is read, in bytes. */
export const ownFieldLimitBytes = 8192;

const repeat = (text: string, bytes = lengthBytes): string =>
  text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes);

/** No value begins or ends with a space: HTTP takes these off before any parser sees them. */
const shapes: Readonly<Record<string, string>> = {
  spaces: `a${repeat(' ')}b`,
  tabs: `a=${repeat('\t')}b`,
  commas: repeat(','),
  'commas and spaces': `${repeat(', ')}a`,
  semicolons: repeat(';'),
  'parameters without an end': `a${repeat('; ')}b`,
  'equals signs': repeat('='),
  quotes: repeat('"'),
  'open quotes': `a="${repeat('a')}`,
  'quotes that open again': repeat('a="b, '),
  backslashes: `a="${repeat('\\')}`,
  'escaped quotes': `a="${repeat('\\"')}`,
  digits: repeat('9'),
  'percent signs': repeat('%'),
  members: repeat('a=1, '),
};

const ownFields = [
  'prefer',
  'ringpost-attempts',
  'ringpost-delay',
  'ringpost-deadline',
  'ringpost-priority',
  'ringpost-order',
  'ringpost-retry',
  'ringpost-callback',
  'idempotency-key',
] as const;
const otherFields = ['cookie', 'connection', 'forwarded', 'via', 'te', 'accept', 'content-type'] as const;

const targets: Readonly<Record<string, string>> = {
  'empty parameters': `/t?${repeat('&')}`,
  'parameters without a value': `/t?${repeat('a&')}`,
  'plus signs': `/t?user=${repeat('+')}`,
  'percent signs': `/t?user=${repeat('%')}`,
  'percent-encoded bytes': `/t?user=${repeat('%f0')}`,
  slashes: `/${repeat('/')}`,
  'dot segments': `/${repeat('../')}`,
};

/** All nasty requests, each of one field or target. */
export const nastyRequests: readonly NastyRequest[] = [
  ...[...ownFields, ...otherFields].flatMap((field) =>
    Object.entries(shapes).map(([shape, value]) => ({
      what: `${field} of ${shape}`,
      path: '/nasty',
      headers: { [field]: value },
    })),
  ),
  ...Object.entries(targets).map(([shape, path]) => ({ what: `a target of ${shape}`, path, headers: {} })),
];

/** @returns whether the request carries one of our own fields, and is to be answered 400. */
export function breaksOwnLimit({ headers }: NastyRequest): boolean {
  return ownFields.some((field) => (headers[field]?.length ?? 0) > ownFieldLimitBytes);
}
