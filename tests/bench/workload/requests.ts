/** What a client sends: the method, the header fields and the size of the JSON body, which is echoed. */
export interface RequestKind {
  readonly name: string;
  readonly title: string;
  readonly method: 'GET' | 'POST';
  /** The size of the body of the request and of the answer; 0 means none. */
  readonly bodyBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** @returns a POST with that many bytes of JSON; a GET without a body if it is 0. */
export function requestOf(
  name: string,
  title: string,
  bodyBytes: number,
  headers: Readonly<Record<string, string>> = {},
): RequestKind {
  return bodyBytes === 0
    ? { name, title, method: 'GET', bodyBytes, headers }
    : { name, title, method: 'POST', bodyBytes, headers: { 'content-type': 'application/json', ...headers } };
}

const kilobyte = 1024;

/** All requests that can be measured. */
export const requestKinds = {
  get: requestOf('get', 'empty GET', 0),
  post: requestOf('post', 'POST, 1 KB of JSON', kilobyte),
  'post-always': requestOf('post-always', 'POST, 1 KB, `Ringpost-Retry: always`', kilobyte, {
    'ringpost-retry': 'always',
  }),
  'post-16k': requestOf('post-16k', 'POST, 16 KB of JSON', 16 * kilobyte),
  'post-256k': requestOf('post-256k', 'POST, 256 KB of JSON', 256 * kilobyte),
} as const satisfies Record<string, RequestKind>;

export type RequestName = keyof typeof requestKinds;

export const requestNames = Object.keys(requestKinds) as RequestName[]; // the keys of the constant above

/** @returns whether it is no request of the main table, but belongs to the curve of large bodies. */
export const isLarge = ({ bodyBytes }: Pick<RequestKind, 'bodyBytes'>): boolean => bodyBytes >= 16 * kilobyte;

/** Digits of the number of a request. */
const digits = 8;

/** @returns the id of a request; all ids of a run have the same length. */
export const idOfRequest = (run: number, number: number): string =>
  `${run}-${String(number).padStart(digits, '0')}`;

/** The parts of a JSON body: `before`, the id of the request, `open`, `item` so many `times`, and `close`. */
export interface BodyParts {
  readonly before: string;
  readonly open: string;
  readonly item: string;
  readonly times: number;
  readonly close: string;
}

const noBody: BodyParts = { before: '', open: '', item: '', times: 0, close: '' };
const before = '{"id":"';
const open = '","items":[';
const item = '{"sku":"A-10417","name":"Blue mug","count":2,"price":12.5,"gift":false},';
const closeBy = (padding: number): string => `{"sku":"B-2","count":1}],"note":"${'x'.repeat(padding)}"}`;

/** @returns the parts of the bodies of a run. Each body is of exactly the size that the request has. */
export function bodyParts({ bodyBytes }: RequestKind, run: number): BodyParts {
  if (bodyBytes === 0) return noBody;
  const rest = bodyBytes - (before + idOfRequest(run, 0) + open + closeBy(0)).length;
  const times = Math.floor(rest / item.length);
  return { before, open, item, times, close: closeBy(rest - times * item.length) };
}

/** @returns what the answer to a request must be: its body, or its id if it has none. */
export const bodyOf = (
  { before: start, open: middle, item: each, times, close }: BodyParts,
  id: string,
): string => start + id + middle + each.repeat(times) + close;
