import { finalStates } from '../contract/request-record.ts';
import type { ProblemDetails } from '../contract/errors.ts';
import type { DeadLetterPageView, DeadLetterView, ReplicasView, RequestView } from '../contract/views.ts';

/** What a request may ask for beside its method, fields and body; `docs/requests.md` has what each means. */
export interface RequestOptions extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>> | Headers;
  /** The key that selects the replica. */
  readonly key?: string;
  readonly idempotencyKey?: string;
  /** Whether it may run again when its replica dies while running it. */
  readonly retry?: 'always' | 'never';
  /** How often it is run at most. */
  readonly attempts?: number;
  /** Not to be run before: seconds from now, or a time. */
  readonly delay?: number | Date;
  /** 0 is first, 9 is last. */
  readonly priority?: number;
  /** Time in ms in which it has to be done. */
  readonly deadlineMs?: number;
  /** One at a time with the others of its key. */
  readonly ordered?: boolean;
}

export interface SubmitOptions extends RequestOptions {
  /** Where its end is told. */
  readonly callback?: string;
  /** Where it is told instead that it was not done. */
  readonly failureCallback?: string;
}

/** Which dead letters are meant; times are RFC 3339. */
export interface DeadLetterQuery {
  readonly replica?: string;
  readonly code?: string;
  readonly since?: string;
  readonly until?: string;
}

/** What a dead letter did not keep of its request, beside header fields. */
export interface RedriveOptions {
  /** Values of query parameters; null leaves one out. */
  readonly query?: Readonly<Record<string, string | null>>;
  readonly body?: string;
  /** Of the body; `utf8` if it is not given. */
  readonly encoding?: 'utf8' | 'base64';
}

/** What is needed of `fetch`. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Who asks. */
export interface Asking {
  /** Header fields that tell who the caller is, as the request had them: `Authorization`, or an API key. */
  readonly headers?: Readonly<Record<string, string>> | Headers;
}

export interface ClientOptions extends Asking {
  /** `ADMIN_TOKEN` of the gateway, for what asks for it. */
  readonly adminToken?: string;
  /** Instead of the global one. */
  readonly fetch?: Fetch;
}

/** The gateway has answered with a problem (RFC 9457), or refused an admin call. */
export class RingpostError extends Error {
  override readonly name = 'RingpostError';
  readonly status: number;
  /** Stable; undefined where the answer was no problem. */
  readonly code: string | undefined;

  constructor(status: number, code: string | undefined, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Seconds for which one call waits for the end of a request. */
const pollS = 30;

/** A thin client of a gateway, over `fetch` alone. */
export class RingpostClient {
  readonly #base: string;
  readonly #adminToken: string | undefined;
  readonly #headers: Headers;
  readonly #fetch: Fetch;

  /**
   * @param base the gateway's address, e.g. `http://127.0.0.1:5000`.
   * @param options its headers go with each request, and with each call that asks about one.
   */
  constructor(base: string, { adminToken, headers, fetch: own = fetch }: ClientOptions = {}) {
    this.#base = base.replace(/\/$/, '');
    this.#adminToken = adminToken;
    this.#headers = new Headers(headers);
    this.#fetch = own;
  }

  /** Sends a request and waits for the replica's answer, whatever its status is. */
  request(path: string, options: RequestOptions = {}): Promise<Response> {
    const { init, headers } = initOf(options, this.#headers);
    return this.#fetch(`${this.#base}${path}`, { ...init, headers });
  }

  /**
   * Hands a request over.
   * @returns what is known of it, once it is durable.
   * @throws {RingpostError} where it is not taken.
   */
  async submit(path: string, options: SubmitOptions = {}): Promise<RequestView> {
    const { init, headers } = initOf(options, this.#headers);
    headers.set('prefer', 'respond-async');
    if (options.callback !== undefined) headers.set('ringpost-callback', options.callback);
    if (options.failureCallback !== undefined)
      headers.set('ringpost-failure-callback', options.failureCallback);
    const response = await this.#fetch(`${this.#base}${path}`, { ...init, headers });
    if (response.status === 202) return (await response.json()) as RequestView;
    if (!isProblem(response)) {
      // The request was done before, under the same idempotency key.
      await response.body?.cancel();
      return this.status(response.headers.get('ringpost-request') ?? '', 0, options);
    }
    throw await errorOf(response);
  }

  /**
   * @param waitS seconds to wait for its end, 60 at most.
   * @param as its caller, where that is not who the client is.
   * @throws {RingpostError} `not_found` where nothing is known of it, or not any more, or it is another caller's.
   */
  status(id: string, waitS = 0, as: Asking = {}): Promise<RequestView> {
    return this.#json(`/-/requests/${encodeURIComponent(id)}?wait=${waitS}`, { as });
  }

  /** Waits until a request has come to its end. */
  async finished(id: string, signal?: AbortSignal, as: Asking = {}): Promise<RequestView> {
    for (;;) {
      signal?.throwIfAborted();
      const view = await this.status(id, pollS, as);
      if (finalStates.has(view.state)) return view;
    }
  }

  /**
   * The replica's answer, exactly as it would have come; a problem of the gateway's own where there is none (409 while
   * it is not there, 410 when it is gone).
   */
  reply(id: string, as: Asking = {}): Promise<Response> {
    const headers = this.#headersOf(as);
    return this.#fetch(`${this.#base}/-/requests/${encodeURIComponent(id)}/reply`, { headers });
  }

  /** @throws {RingpostError} `already_finished`. */
  cancel(id: string, as: Asking = {}): Promise<RequestView> {
    return this.#json(`/-/requests/${encodeURIComponent(id)}`, { method: 'DELETE', as });
  }

  /** The names of the replicas that serve. */
  async replicas(): Promise<readonly string[]> {
    return (await this.#json<ReplicasView>('/rep')).message.replicas;
  }

  /** Adds so many replicas, named so or at random, and waits until they serve. @returns all that serve. */
  async addReplicas(n: number, hostnames: readonly string[] = []): Promise<readonly string[]> {
    return (await this.#json<ReplicasView>('/add', { method: 'POST', json: { n, hostnames } })).message
      .replicas;
  }

  /** Removes so many replicas, these or random ones. @returns all that are left. */
  async removeReplicas(n: number, hostnames: readonly string[] = []): Promise<readonly string[]> {
    return (await this.#json<ReplicasView>('/rm', { method: 'DELETE', json: { n, hostnames } })).message
      .replicas;
  }

  /** All dead letters that are meant, the latest first, page by page. */
  async *deadLetters(query: DeadLetterQuery = {}): AsyncGenerator<DeadLetterPageView['letters'][number]> {
    for (let path: string | null = `/-/dead-letters${asQuery(query)}`; path !== null;) {
      const page: DeadLetterPageView = await this.#json(path);
      yield* page.letters;
      path = page.next;
    }
  }

  deadLetter(id: string): Promise<DeadLetterView> {
    return this.#json(`/-/dead-letters/${encodeURIComponent(id)}`);
  }

  /**
   * Hands the request of a dead letter over again.
   * @param headers fields that were not kept, or others; null leaves out one that was not kept.
   * @param more what else was not kept.
   * @returns the new request's id.
   * @throws {RingpostError} `request_malformed` or `answer_gone` that names what lacks.
   */
  async redrive(
    id: string,
    headers: Readonly<Record<string, string | null>> = {},
    more: RedriveOptions = {},
  ): Promise<string> {
    const path = `/-/dead-letters/${encodeURIComponent(id)}/redrive`;
    const json = { headers, ...more };
    return (await this.#json<{ request: string }>(path, { method: 'POST', json })).request;
  }

  async deleteDeadLetter(id: string): Promise<void> {
    await this.#json(`/-/dead-letters/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /**
   * The keys by which a receiver of callbacks verifies its messages; asks for the admin token.
   * @param origin of the receiver, e.g. `https://receiver.example`.
   * @throws {RingpostError} `forbidden` where the gateway has no admin token.
   */
  async receiverSecrets(origin: string): Promise<readonly string[]> {
    const options = { method: 'POST', json: { origin } };
    return (await this.#json<{ secrets: string[] }>('/-/callbacks/secret', options)).secrets;
  }

  /** @param as who asks about a request; left out in admin calls, which only the token opens. */
  #headersOf(as?: Asking): Headers {
    const headers = as === undefined ? new Headers() : merged(this.#headers, as.headers);
    // An admin may ask about every request, but whoever is its caller asks as that.
    if (this.#adminToken !== undefined && !headers.has('authorization'))
      headers.set('authorization', `Bearer ${this.#adminToken}`);
    return headers;
  }

  async #json<T>(
    path: string,
    { json, as, ...init }: RequestInit & { json?: object; as?: Asking } = {},
  ): Promise<T> {
    const headers = this.#headersOf(as);
    if (json !== undefined) headers.set('content-type', 'application/json');
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    const response = await this.#fetch(`${this.#base}${path}`, { ...init, ...body, headers });
    if (!response.ok) throw await errorOf(response);
    // The gateway's document says what each path answers; tests compare the two.
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

/** @returns a copy with the fields of `more` in place of those of the same name. */
function merged(headers: Headers, more: Asking['headers']): Headers {
  const all = new Headers(headers);
  for (const [name, value] of new Headers(more)) all.set(name, value);
  return all;
}

function initOf(
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
  return { init, headers };
}

function asQuery(query: DeadLetterQuery): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function isProblem(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
}

async function errorOf(response: Response): Promise<RingpostError> {
  const text = await response.text();
  try {
    // A problem, or the failure of an admin call.
    const { code, detail, message } = JSON.parse(text) as Partial<ProblemDetails> & { message?: string };
    return new RingpostError(response.status, code, detail ?? message ?? text);
  } catch {
    return new RingpostError(response.status, undefined, text);
  }
}
