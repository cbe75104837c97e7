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

/** What is known of who calls. */
interface Bearer {
  readonly headers: Pick<IncomingHttpHeaders, 'authorization'>;
}

/** The door of the admin side: who may call it, and what is logged of its calls. */
export class AdminAccess {
  readonly #settings: AdminSettings;
  readonly #failed: FailedTokens;
  readonly #audit: Audit;
  /** The names of those whose changes are under way. */
  readonly #changing = new WeakMap<FastifyRequest, string>();

  constructor({ settings, log, registry }: AdminAccessParts) {
    this.#settings = settings;
    this.#failed = new FailedTokens(registry);
    this.#audit = new Audit(log);
  }

  /** Guards all routes that are registered from now on, but for those of clients and those that are open. */
  protect(app: FastifyInstance): void {
    const guard = (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
      this.#guard(request, reply);
    const note = (request: FastifyRequest, reply: FastifyReply): Promise<void> => this.#note(request, reply);
    app.addHook('onRoute', (route: RouteOptions) => {
      if (sideOf(route.url) !== 'admin') return;
      const onRequest = [route.onRequest ?? []].flat();
      // A route for HEAD is made of the options of the one for GET.
      if (onRequest.includes(guard)) return;
      route.onRequest = [guard, ...onRequest];
      route.onResponse = [...[route.onResponse ?? []].flat(), note];
    });
  }

  /** @returns whether the caller presents an admin token. Without tokens in the settings nobody does. */
  holdsToken({ headers }: Bearer): boolean {
    return findToken(this.#settings.tokens, presentedDigest(headers.authorization)) !== undefined;
  }

  /** @returns whether the caller presents a view token: such a caller sees metadata only. */
  onlyViews({ headers }: Bearer): boolean {
    return findToken(this.#settings.viewTokens, presentedDigest(headers.authorization)) !== undefined;
  }

  /** Answers what waits since its token was wrong. */
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
    // With 405 there is no such change.
    if (by === undefined || reply.statusCode === 405) return;
    const { params, query, body } = request;
    const asked = askedFor({ ...(query as object), ...(params as object) }, body); // as the router makes them
    this.#audit.changed(changeOf(request, by), asked, reply.statusCode);
  }
}

function changeOf({ method, routeOptions, socket }: FastifyRequest, by: string): Change {
  return { by, address: peerAddress(socket), method, route: routeOptions.url ?? '' };
}
