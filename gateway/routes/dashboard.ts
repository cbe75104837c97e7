import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fileURLToPath } from 'node:url';
import { Problem } from '#shared/contract/errors.ts';
import { peerAddress } from '#shared/contract/ip-address.ts';
import type { AdminSettings } from '../admin/admin-settings.ts';
import { adminUrl } from '../admin/session-view.ts';
import type { Place } from '../admin/session-view.ts';
import { unknownHost } from '../admin/untrusted.ts';
import { hidden } from '../openapi/operations.ts';
import { sendFile } from './send-file.ts';
import { readFiles } from './static-files.ts';

export interface DashboardOptions {
  readonly settings: AdminSettings;
  readonly place: Place;
  /** @returns the port of the admin side's own listener, if it listens. */
  readonly adminPort: () => number | undefined;
  /** The folder with the built dashboard. */
  readonly folder?: string | undefined;
}

/** Where the build puts the dashboard. */
const builtFolder = fileURLToPath(new URL('../dashboard/dist', import.meta.url));

/** Everything comes from the listener itself; no page may frame it, or be sent a form by it. */
const policy =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
const protections = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const notBuilt = `The dashboard is not built. Build it with
  npm run dashboard
and start the gateway again. npm ci builds it too, unless it runs with --ignore-scripts or --omit=dev.
The API works without it: /-/docs, /-/ring, /rep.
`;

/**
 * The dashboard at `/-/`, whose files contain no data: its scripts ask `/-/api/`. With `ADMIN_PORT` it is on
 * that port, and `/-/` of the data port only says so.
 */
export const dashboard = fp<DashboardOptions>(
  async (app, options) => {
    const { settings, place } = options;
    if (place === 'data') {
      const route = { schema: hidden, onRequest: protect };
      app.get('/-/', route, (request, reply) => sayWhere(request, reply, options));
      return;
    }
    const route = { schema: hidden, onRequest: [ofKnownHost(settings), protect] };
    const files = await readFiles(options.folder ?? builtFolder);
    const page = files?.get('index.html');
    app.get('/-/', route, (request, reply) => {
      if (page !== undefined) return sendFile(request, reply, page);
      return reply.code(404).type('text/plain; charset=utf-8').send(notBuilt);
    });
    app.get<{ Params: { '*': string } }>('/-/assets/*', route, (request, reply) => {
      const file = files?.get(`assets/${request.params['*']}`);
      if (file === undefined)
        throw new Problem('not_found', 'The dashboard has no such file; load /-/ again.');
      return sendFile(request, reply, file);
    });
    // On the other port this path belongs to the app.
    if (place === 'admin') app.get('/-', route, (_request, reply) => reply.redirect('/-/', 308));
  },
  { name: 'dashboard' },
);

/** Without a token the admin side answers no page whose name was rebound, so its own page is not shown. */
function ofKnownHost(settings: AdminSettings) {
  return async ({ headers }: FastifyRequest): Promise<void> => {
    const fault = settings.tokens.length > 0 ? undefined : unknownHost(headers, settings);
    if (fault !== undefined) throw new Problem('forbidden', fault);
  };
}

async function protect(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.headers(protections);
}

/** The status says that the dashboard is not here, and the page where it is. */
function sayWhere(
  { headers, socket }: FastifyRequest,
  reply: FastifyReply,
  { settings, adminPort }: DashboardOptions,
): FastifyReply {
  const url = adminUrl({ headers, peer: peerAddress(socket) }, settings, adminPort());
  const where = url === null ? 'the port of ADMIN_PORT' : `<a href="${url}">${url}</a>`;
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>ringpost</title>
<h1>The dashboard is elsewhere</h1>
<p>The dashboard of this gateway is on ${where}.</p>
</html>
`;
  return reply.code(404).header('cache-control', 'no-store').type('text/html; charset=utf-8').send(page);
}
