import fp from 'fastify-plugin';
import type { FastifyRequest } from 'fastify';
import { Problem } from '#shared/errors.ts';
import { isObject } from '#shared/json-object.ts';
import type { Logger } from '#shared/logger.ts';
import { guarded } from '../admin-guard.ts';
import type { AdminGuard } from '../admin-guard.ts';
import { parseOrigin, receiverSecrets } from '../callbacks/receiver-keys.ts';
import type { GatewayConfig } from '../config.ts';
import { operations } from '../openapi/operations.ts';
import { noStore } from './no-store.ts';

export interface CallbackSecretRouteOptions {
  readonly config: Pick<GatewayConfig, 'callbackSecrets' | 'adminToken'>;
  readonly guard: AdminGuard;
  readonly log: Logger;
}

export const callbackSecretPath = '/-/callbacks/secret';
/** More than any origin has. */
const bodyLimitBytes = 4096;

/** `/-/callbacks/secret`: the keys by which one receiver of callbacks verifies its messages. */
export const callbackSecretRoutes = fp<CallbackSecretRouteOptions>(
  (app, { config, guard, log }, done) => {
    const { callbackSecrets: secrets, adminToken } = config;
    const tokenNeeded = async (): Promise<void> => {
      if (adminToken !== undefined) return;
      const detail =
        'The keys of receivers are given to those alone who have the admin token; set ADMIN_TOKEN.';
      throw new Problem('forbidden', detail);
    };
    app.post(
      callbackSecretPath,
      {
        onRequest: [noStore, tokenNeeded, guarded(guard)],
        bodyLimit: bodyLimitBytes,
        schema: operations.showReceiverSecrets,
      },
      async (request: FastifyRequest) => {
        const { body, ip } = request;
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
        // It must be seen at the usual level.
        log.warn({ audit: callbackSecretPath, origin, address: ip }, "a receiver's keys were given out");
        return { origin, secrets: receiverSecrets(secrets, origin) };
      },
    );
    done();
  },
  { name: 'callback-secret-routes' },
);
