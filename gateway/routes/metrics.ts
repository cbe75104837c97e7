import fp from 'fastify-plugin';
import type { Metrics } from '../metrics/metrics.ts';
import { operations } from '../openapi/operations.ts';

/** `/-/metrics`. */
export const metricsRoutes = fp<{ metrics: Metrics }>(
  (app, { metrics }, done) => {
    app.get('/-/metrics', { schema: operations.showMetrics }, async (_, reply) => {
      reply.type(metrics.registry.contentType);
      return metrics.registry.metrics();
    });
    done();
  },
  { name: 'metrics-routes' },
);
