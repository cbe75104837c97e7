/**
 * The side of a route. `client`: for clients that send requests. `open`: it shows nothing private. `admin`:
 * all others, so that a new route is closed by default.
 */
export type Side = 'client' | 'open' | 'admin';

const clientRoutes: ReadonlySet<string> = new Set(['/-/live', '/-/ready']);
const openRoutes: ReadonlySet<string> = new Set([
  '/-',
  '/-/',
  '/-/api/session',
  '/-/docs',
  '/-/openapi.json',
]);
const viewRoutes: ReadonlySet<string> = new Set([
  '/rep',
  '/-/ring',
  '/-/metrics',
  '/-/dead-letters',
  '/-/api/overview',
  '/-/api/plan',
  '/-/api/replicas',
  '/-/api/replicas/:name',
  '/-/api/samples',
  '/-/api/gateways',
  '/-/api/autoscale',
  '/-/api/settings',
  '/-/api/hot-keys',
  '/-/api/key',
  '/-/api/events',
  '/-/api/requests',
  '/-/api/requests/:id',
  '/-/api/live',
  '/-/api/dead-letters',
  '/-/api/callbacks',
]);

/** The route of all dispatched requests. No client can ask for it, since a space ends a request target. */
export const dispatchRoute = '/ dispatch';

/** @param route the URL of a route as it is registered, e.g. `/-/dead-letters/:id`. */
export function sideOf(route: string): Side {
  if (route === dispatchRoute || clientRoutes.has(route) || route.startsWith('/-/requests/')) return 'client';
  if (openRoutes.has(route) || /^\/-\/(?:docs|assets)\//.test(route)) return 'open';
  return 'admin';
}

/**
 * @returns whether a view token opens a call of this route. Only routes that show metadata are on the list.
 */
export function isViewable(method: string, route: string): boolean {
  return isRead(method) && viewRoutes.has(route);
}

/** @returns whether a method only reads. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
