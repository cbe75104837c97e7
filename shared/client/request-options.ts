/** Header fields as a caller gives them. */
export type HeaderFields = Readonly<Record<string, string>> | Headers;

/** What a request may ask for besides its method, fields and body. docs/requests.md explains the options. */
export interface RequestOptions extends Omit<RequestInit, 'headers'> {
  readonly headers?: HeaderFields;
  /** The key that selects the replica. */
  readonly key?: string;
  readonly idempotencyKey?: string;
  /** Whether it may run again if its replica dies while it runs. */
  readonly retry?: 'always' | 'never';
  /** How often it may run at most. */
  readonly attempts?: number;
  /** The earliest time to run it: seconds from now, or a date. */
  readonly delay?: number | Date;
  /** 0 runs first, 9 last. */
  readonly priority?: number;
  /** How long it may take, in ms. */
  readonly deadlineMs?: number;
  /** Whether requests of its key run one at a time. */
  readonly ordered?: boolean;
  /** How many requests of its key with this option may come, such as `10/s`. */
  readonly keyRate?: string;
  /** It runs only while fewer requests of its key run. */
  readonly keyConcurrency?: number;
  /** Whether it stays with the owner of its key, or goes elsewhere if the owner is overloaded. */
  readonly affinity?: 'strict' | 'loose';
  /** Keeps an answer that streams, so that it can be read again. */
  readonly keep?: 'stream';
}

export interface SubmitOptions extends RequestOptions {
  /** The URL that gets a message when the request ends. */
  readonly callback?: string;
  /** The URL that gets this message instead if the request fails. */
  readonly failureCallback?: string;
}

/** @returns a copy in which the fields of `more` replace those of the same name. */
export function merged(headers: Headers, more: HeaderFields | undefined): Headers {
  const all = new Headers(headers);
  for (const [name, value] of new Headers(more)) all.set(name, value);
  return all;
}

/** @returns what `fetch` takes for a request with these options. */
export function initOf(
  options: SubmitOptions,
  own: Headers,
): { readonly init: RequestInit; readonly headers: Headers } {
  const {
    headers: given,
    key,
    idempotencyKey,
    retry,
    attempts,
    delay,
    priority,
    deadlineMs,
    ordered,
    keyRate,
    keyConcurrency,
    affinity,
    keep,
    ...rest
  } = options;
  const { callback: _, failureCallback: __, ...init } = rest;
  const headers = merged(own, given);
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) headers.set(name, String(value));
  };
  set('ringpost-key', key);
  set('idempotency-key', idempotencyKey);
  set('ringpost-retry', retry);
  set('ringpost-attempts', attempts);
  set('ringpost-delay', delay instanceof Date ? delay.toUTCString() : delay);
  set('ringpost-priority', priority);
  set('ringpost-deadline', deadlineMs);
  set('ringpost-order', ordered ? 'key' : undefined);
  set('ringpost-key-rate', keyRate);
  set('ringpost-key-concurrency', keyConcurrency);
  set('ringpost-affinity', affinity);
  set('ringpost-keep', keep);
  return { init, headers };
}
