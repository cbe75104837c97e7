import type { IncomingHttpHeaders } from 'node:http';
import type { SessionView } from '#shared/contract/api/session.ts';
import { isLoopback } from '../edge/loopback.ts';
import type { AdminSettings } from './admin-settings.ts';
import type { Session } from './sessions.ts';
import { findToken, presentedDigest } from './tokens.ts';
import { proxyField, untrusted } from './untrusted.ts';

/**
 * A listener, as the dashboard sees it. `admin`: that of `ADMIN_PORT`. `data`: that of `PORT`, while the
 * admin side has another one. `both`: the only one.
 */
export type Place = 'admin' | 'data' | 'both';

/** A caller of the dashboard. */
export interface Visitor {
  readonly headers: IncomingHttpHeaders;
  /** The address of the other end of the connection. */
  readonly peer: string;
  readonly session: Session | undefined;
}

const elsewhere = 'The dashboard is on the port of ADMIN_PORT.';
const noSignIn =
  'Nobody can sign in here, because replicas serve pages of this origin. Set ADMIN_PORT: the dashboard then ' +
  'has a port of its own. Calls with the header Authorization work here.';

/**
 * @param adminPort the port of the admin side's own listener, if it listens.
 * @returns who a visitor of the dashboard is, and how to sign in.
 */
export function sessionView(
  visitor: Visitor,
  settings: AdminSettings,
  place: Place,
  adminPort: number | undefined,
): SessionView {
  const { headers, session } = visitor;
  const digest = presentedDigest(headers.authorization);
  const admin = findToken(settings.tokens, digest);
  const bearer = admin ?? findToken(settings.viewTokens, digest);
  if (place === 'data') {
    return {
      ...nobody,
      access: 'elsewhere',
      detail: elsewhere,
      adminUrl: adminUrl(visitor, settings, adminPort),
    };
  }
  if (bearer !== undefined) {
    return { ...nobody, access: 'token', role: admin === undefined ? 'view' : 'admin', name: bearer.name };
  }
  if (session !== undefined) {
    const { role, name, csrf } = session;
    return { ...nobody, access: 'token', role, name, csrf };
  }
  if (settings.tokens.length > 0) {
    return place === 'admin' ? { ...nobody, access: 'token' } : { ...nobody, detail: noSignIn };
  }
  const detail = untrusted(headers, settings);
  if (detail === undefined) return { ...nobody, access: 'none', role: 'admin' };
  const canView = place === 'admin' && settings.viewTokens.length > 0;
  return { ...nobody, access: canView ? 'token' : 'closed', detail };
}

const nobody: SessionView = {
  access: 'closed',
  detail: null,
  adminUrl: null,
  role: null,
  name: null,
  csrf: null,
};

/**
 * Only a browser on this machine is told: strangers on the data port need not know where the admin side is.
 * @returns the dashboard's address.
 */
export function adminUrl(
  { headers, peer }: Pick<Visitor, 'headers' | 'peer'>,
  { host }: Pick<AdminSettings, 'host'>,
  adminPort: number | undefined,
): string | null {
  if (adminPort === undefined || !isLoopback(peer) || proxyField(headers) !== undefined) return null;
  const name = headers.host?.replace(/:\d*$/, '') ?? '';
  if (!isLoopback(name)) return null;
  const isThere = isLoopback(host) || host === '0.0.0.0' || host === '::';
  return `http://${isThere ? name : host.includes(':') ? `[${host}]` : host}:${adminPort}/-/`;
}
