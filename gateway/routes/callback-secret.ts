import fp from 'fastify-plugin';
import type { FastifyRequest } from 'fastify';
import { Problem } from '#shared/contract/errors.ts';
import { isObject } from '#shared/contract/json-object.ts';
import type { AdminAccess } from './admin-access.ts';
import { parseOrigin, receiverSecrets } from '../callbacks/receiver-keys.ts';
import { operations } from '../openapi/operations.ts';
import { noStore } from './no-store.ts';

export interface CallbackSecretRouteOptions {
  /** The secrets of `CALLBACK_SECRET`. */
  readonly secrets: readonly string[];
  readonly access: AdminAccess;
}

export const callbackSecretPath = '/-/callbacks/secret';
/** More than any origin needs. */
const bodyLimitBytes = 4096;

/** `/-/callbacks/secret`: shows the keys with which a receiver of callbacks verifies its messages. */
export const callbackSecretRoutes = fp<CallbackSecretRouteOptions>(
  (app, { secrets, access }, done) => {
    const tokenNeeded = async (request: FastifyRequest): Promise<void> => {
      if (access.holdsToken(request)) return;
      const detail = 'The keys of receivers are shown only to clients with the admin token; set ADMIN_TOKEN.';
      throw new Problem('forbidden', detail);
    };
    app.post(
      callbackSecretPath,
      {
        onRequest: [noStore, tokenNeeded],
        bodyLimit: bodyLimitBytes,
        schema: operations.showReceiverSecrets,
      },
      async (request: FastifyRequest) => {
        const { body } = request;
        const text = isObject(body) && typeof body['origin'] === 'string' ? body['origin'] : '';
        const origin = parseOrigin(text);
        if (origin === undefined) {
          const detail =
            'The body must be JSON with the origin of a receiver: {"origin":"https://receiver.example"}.';
          throw new Problem('request_malformed', detail);
        }
        if (secrets.length === 0) {
          throw new Problem(
            'not_found',
            'There are no callbacks here: the setting CALLBACK_SECRET is not set.',
          );
        }
        return { origin, secrets: receiverSecrets(secrets, origin) };
      },
    );
    done();
  },
  { name: 'callback-secret-routes' },
);
