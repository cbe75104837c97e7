import type { IncomingHttpHeaders } from 'node:http';
import type { AdminSettings } from './admin-settings.ts';
import { isRead, isViewable } from '../http/sides.ts';
import type { Session } from './sessions.ts';
import { findToken, isSame, presentedDigest } from './tokens.ts';
import { isOfOtherSite, untrusted } from './untrusted.ts';

/** A call of an admin route. */
export interface AdminCall {
  readonly method: string;
  /** The URL of the route as it is registered. */
  readonly route: string;
  readonly headers: IncomingHttpHeaders;
  /** The session of the cookie, if it has one that is not over, and the listener's own origin. */
  readonly signedIn?: { readonly session: Session; readonly origin: string | undefined } | undefined;
}

/** Whether a call is answered. */
export type Admission =
  | {
      readonly kind: 'admitted';
      /** The name of the token; `-` without one. */
      readonly name: string;
    }
  | {
      readonly kind: 'refused';
      readonly code: 'unauthorized' | 'forbidden';
      readonly detail: string;
      /** A credential was presented that is none of the tokens. */
      readonly wrongToken: boolean;
    };

const unauthorized = 'the call needs the header Authorization: Bearer <ADMIN_TOKEN>';
const onlyView =
  'a VIEW_TOKEN opens metadata only: the call needs the header Authorization: Bearer <ADMIN_TOKEN>';
const onlyViewSession = 'a session with a VIEW_TOKEN only sees metadata: sign in with an ADMIN_TOKEN';

/** Decides whether an admin call is answered. Pure. A token wins over a session. */
export function admit(call: AdminCall, settings: AdminSettings): Admission {
  const { tokens, viewTokens } = settings;
  const { method, route, headers } = call;
  const { authorization } = headers;
  if (authorization === undefined && call.signedIn !== undefined) {
    const { session, origin } = call.signedIn;
    const fault =
      session.role === 'view' && !isViewable(method, route)
        ? onlyViewSession
        : cookieFault(call, session, origin);
    return fault === undefined ? { kind: 'admitted', name: session.name } : forbidden(fault);
  }
  const digest = presentedDigest(authorization);
  const admin = findToken(tokens, digest);
  const view = findToken(viewTokens, digest);
  if (admin !== undefined) return { kind: 'admitted', name: admin.name };
  if (view !== undefined) {
    return isViewable(method, route) ? { kind: 'admitted', name: view.name } : forbidden(onlyView);
  }
  const wrongToken = authorization !== undefined && tokens.length + viewTokens.length > 0;
  if (wrongToken || tokens.length > 0) {
    return { kind: 'refused', code: 'unauthorized', detail: unauthorized, wrongToken };
  }
  const detail = untrusted(headers, settings);
  return detail === undefined ? { kind: 'admitted', name: '-' } : forbidden(detail);
}

/**
 * A browser sends a cookie with each call, whoever makes it: for a page on another port too, because that is
 * the same site. So only a page of the listener itself may read, and change only with its session's value.
 * @param origin the listener's own.
 * @returns why a call by cookie is refused; undefined if it is not.
 */
export function cookieFault(
  { method, headers }: Pick<AdminCall, 'method' | 'headers'>,
  session: Session,
  origin: string | undefined,
): string | undefined {
  if (isOfOtherSite(headers)) return 'a page of another origin makes the call (Sec-Fetch-Site)';
  if (headers.origin !== undefined || !isRead(method)) {
    const fault = originFault(headers.origin, origin);
    if (fault !== undefined) return fault;
  }
  if (isRead(method) || isSame(String(headers[csrfField] ?? ''), session.csrf)) return undefined;
  return 'a change by cookie needs the header Ringpost-Csrf, with the value from GET /-/api/session';
}

/** The header of changes by cookie. */
const csrfField = 'ringpost-csrf';

/**
 * @param given the `Origin` of a call.
 * @param own the listener's.
 * @returns what is wrong with it; undefined if both are the same.
 */
export function originFault(given: string | undefined, own: string | undefined): string | undefined {
  if (given !== undefined && given === own) return undefined;
  return (
    `Origin is ${JSON.stringify(given ?? '')}, and must be ${own ?? "this listener's own"}; ` +
    'behind a TLS proxy set TRUSTED_PROXIES, and let the proxy send X-Forwarded-Proto and the Host it was asked for'
  );
}

function forbidden(detail: string): Admission {
  return { kind: 'refused', code: 'forbidden', detail, wrongToken: false };
}
