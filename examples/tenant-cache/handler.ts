// Each replica keeps the tenants that it has used last in its memory.
import { setTimeout as delay } from 'node:timers/promises';
import type { HandlerContext } from 'ringpost/handler';

interface Tenant {
  readonly name: string;
  readonly plan: string;
}

/** How many tenants one replica keeps. */
const capacity = 10;

/** The one that was not used for longest is first. */
const cache = new Map<string, Tenant>();

/** Stands for a query that is worth a cache. */
async function loadTenant(name: string): Promise<Tenant> {
  await delay(5);
  return { name, plan: name.length % 2 === 0 ? 'free' : 'team' };
}

export default async function handle(request: Request, context: HandlerContext): Promise<Response> {
  const name = new URL(request.url).pathname.replace('/tenants/', '');
  const cached = cache.get(name);
  const tenant = cached ?? (await loadTenant(name));
  cache.delete(name);
  cache.set(name, tenant);
  const [oldest] = cache.keys();
  if (cache.size > capacity && oldest !== undefined) cache.delete(oldest);
  return Response.json({ ...tenant, replica: context.replica, cache: cached ? 'hit' : 'miss' });
}
