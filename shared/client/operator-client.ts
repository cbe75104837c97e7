import type { AutoscaleView } from '../contract/api/autoscale.ts';
import type { LiveRequestView, ListedRequestView, RequestPageView } from '../contract/api/requests.ts';
import type { ReplicaActionView, ReplicaWeightView } from '../contract/api/replicas.ts';
import type { PlanView } from '../contract/api/system.ts';
import { eventsOf } from './event-stream.ts';
import { errorOf } from './ringpost-error.ts';
import type { Fetch } from './client.ts';

/** What can be asked of a replica, besides adding and removing it. */
export type ReplicaAction = 'drain' | 'restart' | 'pause' | 'resume';

/** Names of replicas to add, to remove and to drain; `*` is a new one whose name the gateway chooses. */
export interface ChangeQuery {
  /** A name may be followed by a weight, e.g. `S4:2`. */
  readonly add?: readonly string[];
  /** Replicas and their new weights, e.g. `S2:3`. */
  readonly weight?: readonly string[];
  readonly rm?: readonly string[];
  readonly drain?: readonly string[];
}

/** Which requests to list. Times are RFC 3339. */
export interface RequestQuery {
  readonly key?: string;
  readonly replica?: string;
  readonly state?: string;
  readonly status?: string;
  readonly from?: string;
  readonly limit?: number;
}

export interface OperatorClientOptions {
  readonly adminToken?: string;
  /** Replaces the global `fetch`. */
  readonly fetch?: Fetch;
}

/** A thin client of the API that operators use (`/-/api/`). */
export class OperatorClient {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: Fetch;

  /** @param base the address of a gateway's admin side. */
  constructor(base: string, { adminToken, fetch: own = fetch }: OperatorClientOptions = {}) {
    this.#base = base.replace(/\/$/, '');
    this.#headers = adminToken === undefined ? {} : { authorization: `Bearer ${adminToken}` };
    this.#fetch = own;
  }

  /** @throws {RingpostError} `not_found` or `conflict`. */
  act(replica: string, action: ReplicaAction): Promise<ReplicaActionView> {
    return this.#json(`/-/api/replicas/${encodeURIComponent(replica)}/${action}`, 'POST');
  }

  /**
   * Changes the weight of a replica.
   * @throws {RingpostError} `not_found`, `conflict`, or `request_malformed` for what is no weight.
   */
  weigh(replica: string, weight: number): Promise<ReplicaWeightView> {
    return this.#json(`/-/api/replicas/${encodeURIComponent(replica)}/weight`, 'PUT', { weight });
  }

  /** Restarts all replicas, one at a time. */
  restartAll(): Promise<ReplicaActionView> {
    return this.#json('/-/api/restart', 'POST');
  }

  /** @returns how autoscaling decides, and why. */
  autoscale(): Promise<AutoscaleView> {
    return this.#json('/-/api/autoscale');
  }

  /** Stops autoscaling, or lets it go on. @throws {RingpostError} `conflict` without `AUTOSCALE`. */
  setAutoscale(enabled: boolean): Promise<AutoscaleView> {
    return this.#json('/-/api/autoscale', 'PUT', { enabled });
  }

  /** @returns what a change would move. @throws {RingpostError} if it would be refused. */
  plan(change: ChangeQuery): Promise<PlanView> {
    const query = new URLSearchParams();
    for (const [name, values] of Object.entries<readonly string[]>({ ...change }))
      for (const value of values) query.append(name, value);
    return this.#json(`/-/api/plan?${query.toString()}`);
  }

  /** @returns the requests that match, the latest first. They are fetched page by page. */
  async *requests(query: RequestQuery = {}): AsyncGenerator<ListedRequestView> {
    const given = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    for (
      let path: string | null = `/-/api/requests?${new URLSearchParams(given).toString()}`;
      path !== null;
    ) {
      const page: RequestPageView = await this.#json(path);
      yield* page.requests;
      path = page.next;
    }
  }

  /**
   * Follows the requests that end at the gateway, until `signal` fires or the connection ends.
   * @yields nothing at first, once it is connected; then those that have ended since the last time, and how
   * many were left out.
   */
  async *live(
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly requests: readonly LiveRequestView[]; readonly left: number }> {
    const headers = { ...this.#headers, accept: 'text/event-stream' };
    const response = await this.#fetch(`${this.#base}/-/api/events?topics=live`, { headers, signal });
    if (!response.ok || response.body === null) throw await errorOf(response);
    yield { requests: [], left: 0 };
    for await (const { event, data } of eventsOf(response.body))
      // The gateway writes it as the contract says.
      if (event === 'live') yield JSON.parse(data) as { requests: LiveRequestView[]; left: number };
  }

  async #json<T>(path: string, method = 'GET', json?: object): Promise<T> {
    const content =
      json === undefined
        ? { headers: this.#headers }
        : { headers: { ...this.#headers, 'content-type': 'application/json' }, body: JSON.stringify(json) };
    const response = await this.#fetch(`${this.#base}${path}`, { method, ...content });
    if (!response.ok) throw await errorOf(response);
    // Tests compare these types with the gateway's OpenAPI document.
    return (await response.json()) as T;
  }
}
