import type { FastifyBaseLogger, FastifyInstance, RouteOptions } from 'fastify';
import type { Logger } from '#shared/process/logger.ts';
import { safeError } from '#shared/process/safe-error.ts';
import { dispatchRoute } from './sides.ts';

/**
 * Logs what Fastify reports about the routes that are registered from now on: a failed hook, a promise that
 * was rejected after the answer. The route that dispatches has no such log, since that would cost each
 * request some objects.
 */
export function logRoutes(app: FastifyInstance, log: Logger): void {
  const own = routeLog(log);
  app.addHook('onRoute', (route: RouteOptions) => {
    if (route.url !== dispatchRoute) route.childLoggerFactory = () => own;
  });
}

/** Fastify's messages may contain the URL of a request, so only the error is logged. */
function routeLog(log: Logger): FastifyBaseLogger {
  const none = (): void => undefined;
  const error = (fields: unknown): void => log.error({ err: errorIn(fields) }, 'a route failed');
  const warn = (fields: unknown): void => {
    const { type, code = 'none' } = safeError(errorIn(fields));
    log.warn({ type, code }, 'Fastify warned of a route');
  };
  const own: FastifyBaseLogger = {
    level: 'warn',
    fatal: error,
    error,
    warn,
    info: none,
    debug: none,
    trace: none,
    silent: none,
    child: () => own,
  };
  return own;
}

/** Fastify logs an error, or an object with an error in its field `err`. */
function errorIn(fields: unknown): unknown {
  return typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : fields;
}
