import type { FastifyInstance } from 'fastify';
import type { Place } from './admin/session-view.ts';
import { sessionRoutes } from './api/session-routes.ts';
import type { SessionRouteOptions } from './api/session-routes.ts';
import type { Listeners } from './http/listeners.ts';
import { dashboard } from './routes/dashboard.ts';

export interface DashboardSideParts extends Omit<SessionRouteOptions, 'place' | 'adminPort'> {
  readonly listeners: Listeners;
}

/**
 * Registers the dashboard and its sessions on the admin side. If that has a port of its own, the data port
 * says so.
 */
export async function registerDashboardSide({ listeners, ...parts }: DashboardSideParts): Promise<void> {
  const { client, admin } = listeners;
  const register = async (app: FastifyInstance, place: Place): Promise<void> => {
    const options = { ...parts, place, adminPort };
    await app.register(sessionRoutes, options);
    await app.register(dashboard, options);
  };
  const adminPort = (): number | undefined => {
    const address = admin.app.server.address();
    return typeof address === 'object' ? address?.port : undefined;
  };
  if (client === admin) {
    await register(client.app, 'both');
    return;
  }
  await register(client.app, 'data');
  await register(admin.app, 'admin');
}
