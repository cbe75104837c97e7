import { answer, problem } from './answers.ts';
import type { Operation } from './answers.ts';

const nullableText = { type: ['string', 'null'] };
const session = {
  type: 'object',
  properties: {
    access: {
      type: 'string',
      enum: ['none', 'token', 'elsewhere', 'closed'],
      description:
        '`none`: no credential is needed; `token`: sign in here; `elsewhere`: the dashboard is on ' +
        '`ADMIN_PORT`; `closed`: `detail` says why.',
    },
    detail: nullableText,
    adminUrl: { ...nullableText, description: 'Where the dashboard is, if it is elsewhere and known.' },
    role: { enum: ['admin', 'view', null], description: 'What the caller may do.' },
    name: { ...nullableText, description: 'The name of the token.' },
    csrf: { ...nullableText, description: 'The value of `Ringpost-Csrf` for changes by cookie.' },
  },
  required: ['access', 'detail', 'adminUrl', 'role', 'name', 'csrf'],
  additionalProperties: false,
};
const view = (description: string): object => answer(session, description);

const notHere = problem('A page of another origin asks, or the port is not `ADMIN_PORT`.');
const away = problem('Redis does not answer; ask again after `Retry-After`.');

/** What the document says about `/-/api/session`. */
export const sessionOperations = {
  showSession: {
    operationId: 'showSession',
    summary: 'Who is signed in to the dashboard, and how to sign in',
    tags: ['dashboard'],
    response: { 200: view('It needs no credential and shows nothing private.'), 503: away },
  },
  signIn: {
    operationId: 'signIn',
    summary: 'Sign in to the dashboard',
    description: 'Only on `ADMIN_PORT`, and only for pages of that port. The answer sets a cookie.',
    tags: ['dashboard'],
    body: { type: 'object', properties: { token: { type: 'string' } }, required: ['token'] },
    response: {
      200: view('Signed in.'),
      400: problem('The body is not JSON with a token, or has more than 4 KiB.'),
      401: problem('It is none of the tokens.'),
      403: notHere,
      503: away,
    },
  },
  signOut: {
    operationId: 'signOut',
    summary: 'Sign out',
    description: 'Ends the session of the cookie, for all gateways.',
    tags: ['dashboard'],
    response: { 200: view('Signed out.'), 403: notHere, 503: away },
  },
} as const satisfies Record<string, Operation>;
