/** A kind of request that clients send. */
export interface Kind {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  /** Fields besides the hash key. */
  readonly headers: readonly string[];
  /** Its client does not wait: the answer is kept. */
  readonly async?: true;
  /** It may run at most once. */
  readonly once: boolean;
  /** The requests of one key run one after the other. */
  readonly oneAtATime?: true;
  /** Requests of this kind share one idempotency key. */
  readonly shared?: true;
}

/** The kinds, the simplest first. */
export const kinds: readonly Kind[] = [
  { name: 'get', method: 'GET', headers: [], once: false },
  { name: 'post', method: 'POST', headers: [], once: true },
  {
    name: 'ordered-post',
    method: 'POST',
    headers: ['Ringpost-Order', 'key'],
    once: true,
    oneAtATime: true,
  },
  { name: 'async-get', method: 'GET', headers: ['Prefer', 'respond-async'], once: false, async: true },
  { name: 'async-post', method: 'POST', headers: ['Prefer', 'respond-async'], once: true, async: true },
  {
    name: 'idempotent-post',
    method: 'POST',
    headers: ['Prefer', 'respond-async', 'Idempotency-Key', '"one"', 'Ringpost-Retry', 'never'],
    once: true,
    async: true,
    shared: true,
  },
  { name: 'retried-get', method: 'GET', headers: ['Ringpost-Attempts', '3'], once: false },
  {
    name: 'limited-get',
    method: 'GET',
    headers: ['Ringpost-Key-Concurrency', '1'],
    once: false,
    oneAtATime: true,
  },
];
