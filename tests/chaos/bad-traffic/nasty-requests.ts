/** Requests that may make a parser slow: long runs of characters that a grammar allows to repeat. */

/** A request with one field, or a target, of a nasty shape. */
export interface NastyRequest {
  readonly what: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Less than the limit of 64 KiB for a head. */
const lengthBytes = 60_000;
/** The limit for the value of a field of ringpost's own, in bytes. */
export const ownFieldLimitBytes = 8192;

const repeat = (text: string, bytes = lengthBytes): string =>
  text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes);

/** No value starts or ends with a space, since the HTTP parser strips these before any other parser runs. */
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
  'ringpost-keep',
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

/** All nasty requests. */
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

/** @returns whether a field of ringpost's own exceeds its limit, so that 400 is the only right answer. */
export function breaksOwnLimit({ headers }: NastyRequest): boolean {
  return ownFields.some((field) => (headers[field]?.length ?? 0) > ownFieldLimitBytes);
}
