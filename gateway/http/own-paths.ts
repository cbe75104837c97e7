import { originForm } from '../edge/request-target.ts';
import type { Target } from '../edge/request-target.ts';
import { dispatchRoute } from './sides.ts';

/** The paths of the admin contract, and the methods that each of them takes. */
export const adminPaths = {
  '/rep': ['GET', 'HEAD'],
  '/add': ['POST'],
  '/rm': ['DELETE'],
} as const;

/** @returns the target of a request in origin form. */
export function pathOf({ method = 'GET', url = '/' }: Target): string {
  return originForm(method, url);
}

/**
 * @returns the route of a request to a listener with both sides: everything but the gateway's own paths is
 * dispatched.
 */
export function routeOf(request: Target): string {
  const url = pathOf(request);
  if (url.startsWith('/-/')) return url;
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return Object.hasOwn(adminPaths, path) ? url : dispatchRoute;
}

/**
 * @returns the route of a request to the listener of clients, if the admin side has a listener of its own.
 */
export function clientRouteOf(request: Target): string {
  const url = pathOf(request);
  return url.startsWith('/-/') ? url : dispatchRoute;
}
