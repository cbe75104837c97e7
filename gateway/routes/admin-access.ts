import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { BlockList } from 'node:net';
import type { Registry } from 'prom-client';
import { Problem } from '#shared/contract/errors.ts';
import { peerAddress } from '#shared/contract/ip-address.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { AdminSettings } from '../admin/admin-settings.ts';
import { admit } from '../admin/admission.ts';
import { askedFor, Audit } from '../admin/audit.ts';
import type { Change } from '../admin/audit.ts';
import { bodyFault, readAsJson } from '../admin/change-body.ts';
import { FailedTokens } from '../admin/failed-tokens.ts';
import { ownOrigin } from '../admin/own-origin.ts';
import type { Session, Sessions } from '../admin/sessions.ts';
import { isRead, sideOf } from '../http/sides.ts';
import { findToken, presentedDigest } from '../admin/tokens.ts';
import { cookieValues } from '../request/cookies.ts';
import { sessionCookie } from '../request/session-cookie.ts';
import { redisAway } from './redis-away.ts';

export interface AdminAccessParts {
  readonly settings: AdminSettings;
  readonly log: Logger;
  /** Where wrong tokens are counted. */
  readonly registry: Registry;
  readonly sessions: Sessions;
  /** Proxies that may say by which scheme and host a page was asked for. */
  readonly trusted: BlockList | undefined;
}

/** The cookie of a call. */
export interface PresentedCookie {
  readonly name: string;
  /** The listener's own origin, as the browser sees it. */
  readonly origin: string;
  /** Undefined if there is no cookie, or its session is over. */
  readonly session: Session | undefined;
}

/** Guards the admin side: decides which calls are admitted, and logs changes. */
export class AdminAccess {
  readonly #settings: AdminSettings;
  readonly #failed: FailedTokens;
  readonly #audit: Audit;
  readonly #sessions: Sessions;
  readonly #trusted: BlockList | undefined;
  /** The sessions of the callers that were admitted by cookie. */
  readonly #signedIn = new WeakMap<FastifyRequest, Session>();
  /** The names of the callers whose changes are in progress. */
  readonly #changing = new WeakMap<FastifyRequest, string>();

  constructor({ settings, log, registry, sessions, trusted }: AdminAccessParts) {
    this.#settings = settings;
    this.#failed = new FailedTokens(registry);
    this.#audit = new Audit(log);
    this.#sessions = sessions;
    this.#trusted = trusted;
  }

  /**
   * Guards all routes of the admin side that are registered from now on.
   * @param takesCookies whether a session is admitted too. Never on a listener that serves pages of replicas:
   * those could use the cookie.
   */
  protect(app: FastifyInstance, takesCookies: boolean): void {
    const guard = (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
      this.#guard(request, reply, takesCookies);
    const note = (request: FastifyRequest, reply: FastifyReply): Promise<void> => this.#note(request, reply);
    app.addHook('onRoute', (route: RouteOptions) => {
      if (sideOf(route.url) !== 'admin') return;
      const onRequest = [route.onRequest ?? []].flat();
      // Fastify makes the route for HEAD from the options of the one for GET.
      if (onRequest.includes(guard)) return;
      route.onRequest = [guard, ...onRequest];
      route.onResponse = [...[route.onResponse ?? []].flat(), note];
    });
  }

  /** @returns whether the caller has an admin token, or a session with one. If none is set, no caller has. */
  holdsToken(request: FastifyRequest): boolean {
    const { authorization } = request.headers;
    if (authorization === undefined) return this.#signedIn.get(request)?.role === 'admin';
    return findToken(this.#settings.tokens, presentedDigest(authorization)) !== undefined;
  }

  /** @returns whether the caller has a view token, or a session with one, and so may only see metadata. */
  onlyViews(request: FastifyRequest): boolean {
    const { authorization } = request.headers;
    if (authorization === undefined) return this.#signedIn.get(request)?.role === 'view';
    return findToken(this.#settings.viewTokens, presentedDigest(authorization)) !== undefined;
  }

  /**
   * @returns the cookie of a call and its session. Undefined if `Host` is no host.
   * @throws {Problem} `redis_away`.
   */
  async cookieOf({ headers, socket, raw }: FastifyRequest): Promise<PresentedCookie | undefined> {
    const origin = ownOrigin({ headers, peer: peerAddress(socket) }, this.#trusted);
    if (origin === undefined) return undefined;
    const { port, protocol } = new URL(origin);
    const name = sessionCookie(port || (protocol === 'https:' ? '443' : '80'));
    const [id] = cookieValues(raw.rawHeaders, name, 1);
    const session = id === undefined ? undefined : await redisAway(() => this.#sessions.find(id));
    return { name, origin, session };
  }

  /** Logs a change that a route admits by itself. @param asked what the line shows of it. */
  changed(request: FastifyRequest, by: string, asked: Readonly<Record<string, unknown>>): void {
    this.#audit.changed(changeOf(request, by), asked, 200);
  }

  /**
   * Refuses a change.
   * @param wrongToken whether a credential was presented that is none of the tokens: the answer is delayed.
   * @throws {Problem} always.
   */
  async refuse(request: FastifyRequest, problem: Problem, wrongToken: boolean): Promise<never> {
    this.#audit.refused(changeOf(request, '-'), problem.message);
    if (wrongToken) await this.#failed.slowDown(peerAddress(request.socket));
    throw problem;
  }

  /** Delays the answer to a call that anybody may make, if it presents a wrong token. */
  async slowDownWrong({ headers: { authorization }, socket }: FastifyRequest): Promise<void> {
    const tokens = [...this.#settings.tokens, ...this.#settings.viewTokens];
    if (authorization === undefined || tokens.length === 0) return;
    if (findToken(tokens, presentedDigest(authorization)) === undefined)
      await this.#failed.slowDown(peerAddress(socket));
  }

  /** Answers the calls that are delayed because of a wrong token. */
  stop(): void {
    this.#failed.stop();
  }

  async #guard(request: FastifyRequest, reply: FastifyReply, takesCookies: boolean): Promise<void> {
    const { method, headers, routeOptions } = request;
    const { url: route = '' } = routeOptions;
    const looksAtCookie = takesCookies && headers.cookie !== undefined && headers.authorization === undefined;
    const cookie = looksAtCookie ? await this.cookieOf(request) : undefined;
    const session = cookie?.session;
    const signedIn = session === undefined ? undefined : { session, origin: cookie?.origin };
    const admission = admit({ method, route, headers, signedIn }, this.#settings);
    if (admission.kind === 'refused') {
      const { code, detail, wrongToken } = admission;
      if (!isRead(method)) this.#audit.refused(changeOf(request, '-'), detail);
      if (wrongToken) await this.#failed.slowDown(peerAddress(request.socket));
      if (code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
      throw new Problem(code, detail);
    }
    if (session !== undefined) this.#signedIn.set(request, session);
    if (isRead(method)) return;
    const fault = bodyFault(method, headers);
    if (fault !== undefined) throw new Problem('unsupported_media_type', fault);
    readAsJson(headers);
    this.#changing.set(request, admission.name);
  }

  async #note(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const by = this.#changing.get(request);
    // A 405 is no change.
    if (by === undefined || reply.statusCode === 405) return;
    const { params, query, body } = request;
    // The router makes objects of both.
    const asked = askedFor({ ...(query as object), ...(params as object) }, body);
    this.#audit.changed(changeOf(request, by), asked, reply.statusCode);
  }
}

function changeOf({ method, routeOptions, socket }: FastifyRequest, by: string): Change {
  return { by, address: peerAddress(socket), method, route: routeOptions.url ?? '' };
}
