import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SessionView } from '#shared/contract/api/session.ts';
import { Problem } from '#shared/contract/errors.ts';
import { peerAddress } from '#shared/contract/ip-address.ts';
import { isObject } from '#shared/contract/json-object.ts';
import type { AdminSettings } from '../admin/admin-settings.ts';
import { cookieFault, originFault } from '../admin/admission.ts';
import { sessionView } from '../admin/session-view.ts';
import type { Place } from '../admin/session-view.ts';
import { sessionMs } from '../admin/sessions.ts';
import type { Session, Sessions } from '../admin/sessions.ts';
import { findToken, tokenDigest } from '../admin/tokens.ts';
import type { Token } from '../admin/tokens.ts';
import { sessionOperations as operations } from '../openapi/session-operations.ts';
import type { AdminAccess } from '../routes/admin-access.ts';
import { noStore } from '../routes/no-store.ts';
import { redisAway } from '../routes/redis-away.ts';

export interface SessionRouteOptions {
  readonly access: AdminAccess;
  readonly settings: AdminSettings;
  readonly sessions: Sessions;
  readonly place: Place;
  /** @returns the port of the admin side's own listener, if it listens. */
  readonly adminPort: () => number | undefined;
}

export const sessionPath = '/-/api/session';
const bodyLimitBytes = 4096;
const noToken = 'This is none of the tokens in ADMIN_TOKEN and VIEW_TOKEN.';
const notHere =
  'Nobody can sign in on this port, because replicas serve pages of its origin. Set ADMIN_PORT and sign in there.';

/**
 * `/-/api/session`: says to everybody how to sign in to the dashboard, and on `ADMIN_PORT` signs in and out.
 */
export const sessionRoutes = fp<SessionRouteOptions>(
  (app, options, done) => {
    const { access, settings, sessions, place, adminPort } = options;
    const view = ({ headers, socket }: FastifyRequest, session: Session | undefined): SessionView =>
      sessionView({ headers, peer: peerAddress(socket), session }, settings, place, adminPort());

    app.get(sessionPath, { onRequest: [noStore], schema: operations.showSession }, async (request) => {
      // On the data port beside `ADMIN_PORT` the answer does not depend on a token.
      if (place !== 'data') await access.slowDownWrong(request);
      const cookie = place === 'admin' ? await access.cookieOf(request) : undefined;
      return view(request, cookie?.session);
    });
    if (place === 'data') {
      done();
      return;
    }
    const onlyHere = async (request: FastifyRequest): Promise<void> => {
      if (place !== 'admin') await access.refuse(request, new Problem('forbidden', notHere), false);
    };
    const tokenOf = async (request: FastifyRequest): Promise<Token> => {
      const { body } = request;
      const given = isObject(body) && typeof body['token'] === 'string' ? body['token'] : undefined;
      if (given === undefined) {
        const detail = 'The body must be JSON with one of the tokens: {"token":"…"}.';
        throw new Problem('request_malformed', detail);
      }
      const token = findToken([...settings.tokens, ...settings.viewTokens], tokenDigest(given));
      return token ?? access.refuse(request, new Problem('unauthorized', noToken), true);
    };

    const signIn = { bodyLimit: bodyLimitBytes, schema: operations.signIn };
    app.post(sessionPath, { ...signIn, onRequest: [noStore, onlyHere] }, async (request, reply) => {
      const cookie = await access.cookieOf(request);
      const fault = originFault(request.headers.origin, cookie?.origin);
      // Without an origin of its own there is no cookie either.
      if (fault !== undefined || cookie === undefined)
        return access.refuse(request, new Problem('forbidden', fault ?? 'Host is no host'), false);
      const token = await tokenOf(request);
      const session = await redisAway(() => sessions.begin(token));
      const { session: former } = cookie;
      if (former !== undefined) await redisAway(() => sessions.end(former));
      setCookie(reply, cookie, session.id, sessionMs / 1000);
      access.changed(request, session.name, { signedIn: session.role });
      return view(request, session);
    });

    app.delete(
      sessionPath,
      { schema: operations.signOut, onRequest: [noStore, onlyHere] },
      async (request, reply) => {
        const cookie = await access.cookieOf(request);
        if (cookie?.session === undefined) return view(request, undefined);
        const { session, origin } = cookie;
        const fault = cookieFault(request, session, origin);
        if (fault !== undefined) return access.refuse(request, new Problem('forbidden', fault), false);
        await redisAway(() => sessions.end(session));
        setCookie(reply, cookie, '', 0);
        access.changed(request, session.name, { signedOut: session.role });
        return view(request, undefined);
      },
    );
    done();
  },
  { name: 'session-routes' },
);

/** @param maxAge in seconds. */
function setCookie(
  reply: FastifyReply,
  { name, origin }: { readonly name: string; readonly origin: string },
  value: string,
  maxAge: number,
): void {
  const secure = origin.startsWith('https:') ? '; Secure' : '';
  const fields = `Path=/-/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`;
  reply.header('set-cookie', `${name}=${value}; ${fields}`);
}
