import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#shared/contract/errors.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import type { Callers } from '../caller/callers.ts';
import { readerOf } from '../records/readers.ts';
import type { MayKnow } from '../records/readers.ts';
import { untilFinal } from '../records/until-final.ts';
import type { Watch, Watches } from '../records/watches.ts';
import type { ForwardingRules } from '../request/request-head.ts';
import type { Query } from './query-parameters.ts';
import { redisAway } from './redis-away.ts';

export interface AskedRequestsOptions {
  readonly records: RequestRecords;
  readonly watches: Watches;
  readonly callers: Callers;
  readonly forwarding: ForwardingRules;
  /** @returns whether a client presents an admin token. Admins may know of every request. */
  readonly isAdmin: (request: FastifyRequest) => boolean;
}

/** A call of `/-/requests/<id>` or of a path below it. */
export interface AskedCall {
  Params: { id: string };
  Querystring: Query;
}

/** A request that a client has asked for. */
export interface Asked {
  readonly found: KnownRequest;
  /** The watch of its client, if the client was waited for. The caller ends it. */
  readonly watch: Watch | undefined;
}

/** The longest long poll, in s. */
const maxWaitS = 60;

/** Finds the requests that clients ask for. To a client that may not know of one it does not exist. */
export class AskedRequests {
  readonly #options: AskedRequestsOptions;

  constructor(options: AskedRequestsOptions) {
    this.#options = options;
  }

  /** @returns what the client of a call may know. */
  readerOf(call: FastifyRequest<AskedCall>): MayKnow {
    const { callers, forwarding, isAdmin } = this.#options;
    return readerOf(callers, forwarding, isAdmin, call);
  }

  /** @throws {Problem} `not_found`. */
  async find(call: FastifyRequest<AskedCall>): Promise<KnownRequest> {
    const mayKnow = this.readerOf(call);
    const { id } = call.params;
    const found = await redisAway(() => this.#options.records.find(id));
    return found !== undefined && mayKnow(found) ? found : unknown(id);
  }

  /**
   * @param orStream whether the wait is also over once the answer has begun as a kept stream.
   * @returns the request, once it has ended or `waitMs` is over; undefined if the client has left.
   * @throws {Problem} `not_found`; `over_capacity` if too many clients wait.
   */
  async wait(call: FastifyRequest<AskedCall>, waitMs: number, orStream: boolean): Promise<Asked | undefined> {
    if (waitMs === 0) return { found: await this.find(call), watch: undefined };
    const mayKnow = this.readerOf(call);
    const { id } = call.params;
    const watch = this.#options.watches.open(call.raw.socket);
    try {
      const wait = { waitMs, orStream, mayKnow, onStop: 'answer' } as const;
      const found = await redisAway(() => untilFinal(watch, id, wait));
      return watch.gone ? undefined : { found: found ?? unknown(id), watch };
    } catch (error) {
      watch.end();
      throw error;
    }
  }
}

/** @throws {Problem} `not_found`. */
export function unknown(id: string): never {
  throw new Problem('not_found', `Nothing is known of a request ${id}, or no longer.`);
}

/** The client has left: there is nobody to answer. */
export function nobody(reply: FastifyReply): FastifyReply {
  reply.hijack();
  return reply;
}

/**
 * @returns how long a client wants to wait, in ms; undefined if it does not say.
 * @throws {Problem} `request_malformed`.
 */
export function waitOf({ wait }: Query): number | undefined {
  if (wait === undefined) return undefined;
  if (typeof wait === 'string' && /^\d{1,4}$/.test(wait)) return Math.min(Number(wait), maxWaitS) * 1000;
  throw new Problem('request_malformed', `wait is ${JSON.stringify(wait)}; it must be a number of seconds.`);
}
