import type { IncomingMessage } from 'node:http';
import { isHost } from './host.ts';

/** The parts of a request that say what it is for. */
export type Target = Pick<IncomingMessage, 'method' | 'url'>;

/** The beginning of a target in absolute form: scheme and authority. */
const absolute = /^([A-Za-z][A-Za-z\d+.-]*):\/\/([^/?#]*)/;

/**
 * @returns the authority of a target in absolute form (RFC 9112 3.2.2); undefined if it is in another form.
 */
export function authorityOf(target: string): string | undefined {
  return target.startsWith('/') ? undefined : absolute.exec(target)?.[2];
}

/**
 * @returns the target in origin form (RFC 9112 3.2.1), or `*`. A client may also send the absolute form, as
 * it does to a proxy. OPTIONS with an absolute form without a path is for the whole server (RFC 9112 3.2.4).
 */
export function originForm(method: string, target: string): string {
  if (target.startsWith('/')) return target;
  const beginning = absolute.exec(target)?.[0];
  if (beginning === undefined) return target;
  const path = target.slice(beginning.length);
  if (path === '' && method === 'OPTIONS') return '*';
  return path.startsWith('/') ? path : `/${path}`;
}

/** @returns what is wrong with a request's target, if anything (RFC 9112 3.2). */
export function targetFault(method: string, target: string): string | undefined {
  if (target.includes('#')) return 'The target has a fragment (#), which is never sent (RFC 9110 4.2.5).';
  if (target.startsWith('/')) return undefined;
  if (target === '*') return method === 'OPTIONS' ? undefined : 'The target * is for OPTIONS alone.';
  const [, scheme, authority] = absolute.exec(target) ?? [];
  if (scheme === undefined || authority === undefined) {
    return 'The target must be a path, or an absolute URI with the scheme http or https.';
  }
  if (!/^https?$/i.test(scheme)) {
    return `The target has the scheme ${scheme.slice(0, 20)}; it must be http or https.`;
  }
  if (authority.includes('@')) {
    return 'The target has user information before its host (RFC 9110 4.2.4); send Authorization instead.';
  }
  return isHost(authority) ? undefined : 'The target has an invalid host.';
}
