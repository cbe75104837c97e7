import type SwaggerUi from '@fastify/swagger-ui';
import { createRequire } from 'node:module';
import swagger from '@fastify/swagger';
import fp from 'fastify-plugin';
import type { FastifyInstance } from 'fastify';
import { Problem } from '#shared/contract/errors.ts';
import { optionalPackage } from '#shared/process/optional-package.ts';
import { dispatchPaths } from './dispatch-paths.ts';
import { hidden } from './operations.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const description = `All paths below \`/-/\`, and \`/rep\`, \`/add\` and \`/rm\`, are the gateway's own. Any
other request is dispatched: it goes through the queue of the replica that its key selects, and its answer
comes back byte for byte.`;

/** No `upgrade-insecure-requests`: off loopback a browser would load the parts of the page over https. */
const docsPolicy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self' data:; " +
  "object-src 'none'; script-src 'self'; style-src 'self'";

/** The plugin of the page. */
type Page = typeof SwaggerUi;

export interface OpenApiOptions {
  readonly withDispatch: boolean;
  /** What {@link loadPage} has loaded. */
  readonly page: Page | undefined;
}

/**
 * Loads the page. Those who install ringpost with npm choose it themselves, since it is large. It is loaded
 * before the plugin is registered, which has a limited time to start.
 * @returns undefined if it is not installed.
 */
export async function loadPage(): Promise<Page | undefined> {
  return (await optionalPackage('@fastify/swagger-ui', () => import('@fastify/swagger-ui')))?.default;
}

/**
 * The OpenAPI document of the gateway at `/-/openapi.json`, made from the schemas of its routes, and a page
 * for reading it at `/-/docs`. Register it before the routes that it documents. With `ADMIN_PORT` it only
 * documents the admin side.
 */
export const openApi = fp<OpenApiOptions>(
  async (app, { withDispatch, page }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'ringpost',
          version,
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
          { name: 'health', description: 'For probes and Prometheus.' },
        ],
        components: { securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } } },
        paths: withDispatch ? dispatchPaths() : {},
      },
    });
    await addPage(app, page);
    app.get('/-/openapi.json', { schema: hidden }, () => app.swagger());
  },
  { name: 'openapi' },
);

async function addPage(app: FastifyInstance, page: Page | undefined): Promise<void> {
  if (page !== undefined) {
    await app.register(page, { routePrefix: '/-/docs', staticCSP: docsPolicy });
    return;
  }
  const answer = (): never => {
    const detail =
      'This page needs the package @fastify/swagger-ui: npm install @fastify/swagger-ui. The API itself is ' +
      'described at /-/openapi.json.';
    throw new Problem('not_found', detail);
  };
  for (const path of ['/-/docs', '/-/docs/*']) app.get(path, { schema: hidden }, answer);
}
