import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
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
import { isRead, sideOf } from '../http/sides.ts';
import { findToken, presentedDigest } from '../admin/tokens.ts';

export interface AdminAccessParts {
  readonly settings: AdminSettings;
  readonly log: Logger;
  /** Where wrong tokens are counted. */
  readonly registry: Registry;
}

/** The credentials of a caller. */
interface Bearer {
  readonly headers: Pick<IncomingHttpHeaders, 'authorization'>;
}

/** Guards the admin side: decides which calls are admitted, and logs changes. */
export class AdminAccess {
  readonly #settings: AdminSettings;
  readonly #failed: FailedTokens;
  readonly #audit: Audit;
  /** The names of the callers whose changes are in progress. */
  readonly #changing = new WeakMap<FastifyRequest, string>();

  constructor({ settings, log, registry }: AdminAccessParts) {
    this.#settings = settings;
    this.#failed = new FailedTokens(registry);
    this.#audit = new Audit(log);
  }

  /** Guards all routes of the admin side that are registered from now on. */
  protect(app: FastifyInstance): void {
    const guard = (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
      this.#guard(request, reply);
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

  /** @returns whether the caller presents an admin token. If none is set, no caller does. */
  holdsToken({ headers }: Bearer): boolean {
    return findToken(this.#settings.tokens, presentedDigest(headers.authorization)) !== undefined;
  }

  /** @returns whether the caller presents a view token, and so may only see metadata. */
  onlyViews({ headers }: Bearer): boolean {
    return findToken(this.#settings.viewTokens, presentedDigest(headers.authorization)) !== undefined;
  }

  /** Answers the calls that are delayed because of a wrong token. */
  stop(): void {
    this.#failed.stop();
  }

  async #guard(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { method, headers, routeOptions } = request;
    const { url: route = '' } = routeOptions;
    const admission = admit({ method, route, headers }, this.#settings);
    if (admission.kind === 'refused') {
      const { code, detail, wrongToken } = admission;
      if (!isRead(method)) this.#audit.refused(changeOf(request, '-'), detail);
      if (wrongToken) await this.#failed.slowDown(peerAddress(request.socket));
      if (code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
      throw new Problem(code, detail);
    }
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
