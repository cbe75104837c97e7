import { finalStates } from '../contract/request-record.ts';
import { initOf, merged } from './request-options.ts';
import type { HeaderFields, RequestOptions, SubmitOptions } from './request-options.ts';
import { errorOf } from './ringpost-error.ts';
import type { RingView } from '../contract/ring-view.ts';
import type {
  DeadLetterPageView,
  DeadLetterView,
  RedrivenView,
  ReplicasView,
  RequestView,
} from '../contract/views.ts';

export type { RequestOptions, SubmitOptions } from './request-options.ts';
export { RingpostError } from './ringpost-error.ts';

/** Which dead letters to list. Times are RFC 3339. */
export interface DeadLetterQuery {
  readonly replica?: string;
  readonly code?: string;
  readonly since?: string;
  readonly until?: string;
}

/** Which dead letters to redrive or delete. Without a filter, `all` says that all are meant. */
export interface DeadLetterSelection extends DeadLetterQuery {
  readonly all?: 'true';
}

/** What a dead letter did not keep of its request, besides header fields. */
export interface RedriveOptions {
  /** Values of query parameters; null removes one. */
  readonly query?: Readonly<Record<string, string | null>>;
  readonly body?: string;
  /** The encoding of the body; `utf8` by default. */
  readonly encoding?: 'utf8' | 'base64';
}

/** The part of `fetch` that the client uses. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** The caller of the API. */
export interface Asking {
  /** The header fields that identify the caller, as in the request: `Authorization`, or an API key. */
  readonly headers?: HeaderFields;
}

export interface ReplyOptions extends Asking {
  /** How many bytes of an answer that streams are not to be sent again. */
  readonly offset?: number;
}

export interface ClientOptions extends Asking {
  /** The gateway's `ADMIN_TOKEN`, for the calls that need it. */
  readonly adminToken?: string;
  /** Replaces the global `fetch`. */
  readonly fetch?: Fetch;
}

/** How long one call waits for the end of a request, in seconds. */
const pollS = 30;

/** A thin client of a gateway. It uses only `fetch`. */
export class RingpostClient {
  readonly #base: string;
  readonly #adminToken: string | undefined;
  readonly #headers: Headers;
  readonly #fetch: Fetch;

  /**
   * @param base the gateway's address, e.g. `http://127.0.0.1:5000`.
   * @param options its headers are sent with each request, and with each call about a request.
   */
  constructor(base: string, { adminToken, headers, fetch: own = fetch }: ClientOptions = {}) {
    this.#base = base.replace(/\/$/, '');
    this.#adminToken = adminToken;
    this.#headers = new Headers(headers);
    this.#fetch = own;
  }

  /** Sends a request and waits for the replica's answer, whatever its status. */
  request(path: string, options: RequestOptions = {}): Promise<Response> {
    const { init, headers } = initOf(options, this.#headers);
    return this.#fetch(`${this.#base}${path}`, { ...init, headers });
  }

  /**
   * Sends an async request.
   * @returns the request's state, once the request is durable.
   * @throws {RingpostError} if the gateway does not accept it.
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
      // The request was already done under the same idempotency key.
      await response.body?.cancel();
      return this.status(response.headers.get('ringpost-request') ?? '', 0, options);
    }
    throw await errorOf(response);
  }

  /**
   * @param waitS how long to wait for the request's end, in seconds; 60 at most.
   * @param as its caller, if that is not the caller of this client.
   * @throws {RingpostError} `not_found` if the request is not or no longer known, or is another caller's.
   */
  status(id: string, waitS = 0, as: Asking = {}): Promise<RequestView> {
    return this.#json(`/-/requests/${encodeURIComponent(id)}?wait=${waitS}`, { as });
  }

  /** Waits until a request has ended. */
  async finished(id: string, signal?: AbortSignal, as: Asking = {}): Promise<RequestView> {
    for (;;) {
      signal?.throwIfAborted();
      const view = await this.status(id, pollS, as);
      if (finalStates.has(view.state)) return view;
    }
  }

  /**
   * @returns the replica's answer, as it would have come to a waiting client. One that streams is read live.
   * If there is none, a problem: 409 until it has begun, 410 when it is no longer kept.
   */
  reply(id: string, { offset, ...as }: ReplyOptions = {}): Promise<Response> {
    const headers = this.#headersOf(as);
    if (offset !== undefined) headers.set('ringpost-offset', String(offset));
    return this.#fetch(`${this.#base}/-/requests/${encodeURIComponent(id)}/reply`, { headers });
  }

  /** @throws {RingpostError} `already_finished`. */
  cancel(id: string, as: Asking = {}): Promise<RequestView> {
    return this.#json(`/-/requests/${encodeURIComponent(id)}`, { method: 'DELETE', as });
  }

  /** @returns the names of the replicas in the ring. */
  async replicas(): Promise<readonly string[]> {
    return (await this.#json<ReplicasView>('/rep')).message.replicas;
  }

  /**
   * Adds `n` replicas, with these names or random ones, and waits for them.
   * @param weights of replicas that are named; 1 by default.
   * @returns all names.
   */
  async addReplicas(
    n: number,
    hostnames: readonly string[] = [],
    weights?: Readonly<Record<string, number>>,
  ): Promise<readonly string[]> {
    const json = { n, hostnames, ...(weights === undefined ? {} : { weights }) };
    return (await this.#json<ReplicasView>('/add', { method: 'POST', json })).message.replicas;
  }

  /** Removes `n` replicas: these, and others at random. @returns the names of those that are left. */
  async removeReplicas(n: number, hostnames: readonly string[] = []): Promise<readonly string[]> {
    return (await this.#json<ReplicasView>('/rm', { method: 'DELETE', json: { n, hostnames } })).message
      .replicas;
  }

  /**
   * @param key a hash key; the answer then says which replica owns it, and why.
   * @returns the ring, and the state of each replica.
   */
  ring(key?: string): Promise<RingView> {
    return this.#json(`/-/ring${asQuery({ key })}`);
  }

  /** @returns all dead letters that match, the latest first. They are fetched page by page. */
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
   * Dispatches the request of a dead letter again.
   * @param headers header fields that were not kept, or others; null omits one that was not kept.
   * @param more the other parts that were not kept.
   * @returns the new request's id.
   * @throws {RingpostError} `request_malformed` or `answer_gone`, which name what is missing.
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

  /**
   * Dispatches the requests of all dead letters that match again.
   * @param query at least one filter; `all: 'true'` takes all letters.
   * @param given header fields and parameters for all of them, as in {@link redrive}.
   * @returns the new requests, the letters that were refused, and whether more letters match than one call
   * takes.
   */
  redriveDeadLetters(
    query: DeadLetterSelection,
    given: Pick<RedriveOptions, 'query'> & {
      readonly headers?: Readonly<Record<string, string | null>>;
    } = {},
  ): Promise<RedrivenView> {
    return this.#json(`/-/dead-letters/redrive${asQuery(query)}`, { method: 'POST', json: given });
  }

  async deleteDeadLetter(id: string): Promise<void> {
    await this.#json(`/-/dead-letters/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /**
   * @param query at least one filter; `all: 'true'` takes all letters.
   * @returns how many were deleted, and whether more letters match than one call takes.
   */
  deleteDeadLetters(
    query: DeadLetterSelection,
  ): Promise<{ readonly deleted: number; readonly more: boolean }> {
    return this.#json(`/-/dead-letters${asQuery(query)}`, { method: 'DELETE' });
  }

  /**
   * @param origin the origin of a receiver of callbacks, e.g. `https://receiver.example`.
   * @returns the keys with which the receiver verifies its messages.
   * @throws {RingpostError} `forbidden` if the gateway has no admin token.
   */
  async receiverSecrets(origin: string): Promise<readonly string[]> {
    const options = { method: 'POST', json: { origin } };
    return (await this.#json<{ secrets: string[] }>('/-/callbacks/secret', options)).secrets;
  }

  /** @param as the caller who asks about a request; undefined for admin calls, which only need the token. */
  #headersOf(as?: Asking): Headers {
    const headers = as === undefined ? new Headers() : merged(this.#headers, as.headers);
    // The admin token gives access to every request, but a caller's own credentials come first.
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
    // Tests compare these types with the gateway's OpenAPI document.
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

function asQuery(query: object): string {
  const given = Object.entries<string | undefined>({ ...query }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function isProblem(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
}
