import fp from 'fastify-plugin';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Problem } from '#shared/contract/errors.ts';
import { hidden } from '../openapi/operations.ts';
import { pageScript } from '../openapi/page-script.ts';
import { pageStyle } from '../openapi/page-style.ts';
import { documentForPeople } from '../openapi/people-document.ts';
import { sendFile } from './send-file.ts';
import { StaticFile } from './static-files.ts';

const path = '/-/docs';
const packageName = '@fastify/swagger-ui';

/** No `upgrade-insecure-requests`: off loopback a browser would load the parts of the page over https. */
const policy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self' data:; " +
  "object-src 'none'; script-src 'self'; style-src 'self'";

const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>ringpost: HTTP interface</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${path}/swagger-ui.css" />
    <link rel="stylesheet" href="${path}/page.css" />
    <script defer src="${path}/swagger-ui-bundle.js"></script>
    <script defer src="${path}/page.js"></script>
  </head>
  <body>
    <main id="docs"></main>
    <noscript>This page needs JavaScript. The same is at <a href="/-/openapi.json">/-/openapi.json</a>.</noscript>
  </body>
</html>
`;

/** Files of the package that the page loads. */
const fromPackage = ['swagger-ui-bundle.js', 'swagger-ui.css'] as const;
const own = {
  'page.css': new StaticFile('page.css', Buffer.from(pageStyle)),
  'page.js': new StaticFile('page.js', Buffer.from(pageScript)),
};

/**
 * `/-/docs`: a page for people with what `/-/openapi.json` says, where calls can be tried. Those who install
 * ringpost with npm choose the package that draws it themselves, since it is large.
 */
export const docsPage = fp(
  (app, _options, done) => {
    const folder = packageFolder();
    const route = { schema: hidden };
    const show = (reply: FastifyReply): FastifyReply => {
      if (folder === undefined) throw notInstalled();
      return reply
        .headers({ 'content-security-policy': policy, 'cache-control': 'no-cache', ...protections })
        .type('text/html; charset=utf-8')
        .send(html);
    };
    app.get(path, route, (_request, reply) => show(reply));
    app.get(`${path}/`, route, (_request, reply) => reply.redirect(path, 308));
    app.get(`${path}/document.json`, route, (_request, reply) =>
      reply.header('cache-control', 'no-cache').send(documentForPeople(app.swagger())),
    );
    for (const [name, file] of Object.entries(own))
      app.get(`${path}/${name}`, route, (request, reply) => sendFile(request, reply, file));
    for (const name of fromPackage) addPackageFile(app, folder, name);
    done();
  },
  { name: 'docs-page', dependencies: ['openapi'] },
);

const protections = { 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' };

/** They are large, so each is read when somebody asks for it first. */
function addPackageFile(app: FastifyInstance, folder: string | undefined, name: string): void {
  let reading: Promise<StaticFile> | undefined;
  app.get(`${path}/${name}`, { schema: hidden }, async (request, reply) => {
    if (folder === undefined) throw notInstalled();
    reading ??= readFile(join(folder, name)).then((content) => new StaticFile(name, content));
    return sendFile(request, reply, await reading);
  });
}

/** @returns where the package has its files; undefined if it is not installed. */
function packageFolder(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)), 'static');
  } catch {
    return undefined;
  }
}

/** @returns whether `/-/docs` can show its page. */
export function isDocsPageInstalled(): boolean {
  return packageFolder() !== undefined;
}

function notInstalled(): Problem {
  const detail =
    `This page needs the package ${packageName}: npm install ${packageName}. The API itself is described at ` +
    '/-/openapi.json.';
  return new Problem('not_found', detail);
}
