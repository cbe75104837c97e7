import swagger from '@fastify/swagger';
import fp from 'fastify-plugin';
import { ownVersion } from '#shared/process/own-version.ts';
import { dispatchPaths } from './dispatch-paths.ts';
import { hidden } from './operations.ts';

const description = `All paths below \`/-/\`, and \`/rep\`, \`/add\` and \`/rm\`, are the gateway's own. Any
other request is dispatched: it goes through the queue of the replica that its key selects, and its answer
comes back byte for byte.`;

export interface OpenApiOptions {
  readonly withDispatch: boolean;
}

/**
 * The OpenAPI document of the gateway at `/-/openapi.json`, made from the schemas of its routes. Register
 * it before the routes that it documents. With `ADMIN_PORT` it only documents the admin side.
 */
export const openApi = fp<OpenApiOptions>(
  async (app, { withDispatch }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'ringpost',
          version: ownVersion,
          description,
          license: { name: 'MIT', identifier: 'MIT' },
        },
        tags: [
          { name: 'dispatch', description: 'Your own requests.' },
          { name: 'requests', description: 'Async requests, and requests that were not answered in time.' },
          { name: 'system', description: 'What the dashboard shows: overview, samples, keys, settings.' },
          { name: 'replicas', description: 'Which replicas there are, and which keys they own.' },
          { name: 'dead letters', description: 'Requests that failed for good.' },
          { name: 'callbacks', description: 'Messages about the ends of requests.' },
          { name: 'dashboard', description: 'Who is signed in to the dashboard.' },
          { name: 'health', description: 'For probes and Prometheus.' },
        ],
        components: { securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } } },
        paths: withDispatch ? dispatchPaths() : {},
      },
    });
    app.get('/-/openapi.json', { schema: hidden }, () => app.swagger());
  },
  { name: 'openapi' },
);
