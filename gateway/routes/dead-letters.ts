import fp from 'fastify-plugin';
import type { Redaction } from '#shared/contract/redaction.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { AdminAccess } from './admin-access.ts';
import type { DeadLetter } from '#shared/store/records/dead-letter.ts';
import type { DeadLetters } from '#shared/store/records/dead-letters.ts';
import { previewLetters } from '../records/dead-letter-counts.ts';
import { deadLettersPath, letterView, metadataView, summaryView } from '../records/dead-letter-view.ts';
import type { Given } from '../async/completion.ts';
import { givenOf } from '../async/given.ts';
import { redriveEach } from '../async/redrive-each.ts';
import { operations } from '../openapi/operations.ts';
import { requestPath } from '../records/request-view.ts';
import { listingOf, nextPath, selectionOf } from './dead-letter-query.ts';
import { noStore } from './no-store.ts';
import { malformed } from './query-parameters.ts';
import type { Query } from './query-parameters.ts';
import { redisAway } from './redis-away.ts';

export interface DeadLetterRouteOptions {
  readonly letters: DeadLetters;
  readonly access: AdminAccess;
  /** What is not shown. */
  readonly redaction: Redaction;
  /**
   * Runs the request of a letter again.
   * @returns the new request's id.
   * @throws {Problem} if it is not accepted.
   */
  readonly redrive: (letter: DeadLetter, given: Given) => Promise<string>;
}

interface Call {
  Params: { id: string };
  Querystring: Query;
}

/** Letters that one call redrives or deletes. */
const maxAtOnce = 1000;

/** `/-/dead-letters`: lists, shows, redrives and deletes the requests that have failed for good. */
export const deadLetterRoutes = fp<DeadLetterRouteOptions>(
  (app, { letters, access, redaction, redrive }, done) => {
    const onRequest = noStore;
    const known = async (id: string): Promise<DeadLetter> => {
      const letter = await redisAway(() => letters.read(id));
      if (letter !== undefined) return letter;
      throw new Problem('not_found', `There is no dead letter ${id}, or no longer.`);
    };

    app.get<Call>(deadLettersPath, { onRequest, schema: operations.listDeadLetters }, async (request) => {
      const { query } = request;
      const { filter, limit, after } = listingOf(query);
      const page = await redisAway(() => letters.page(filter, limit, after));
      if (access.onlyViews(request)) return { letters: page.letters.map(metadataView), next: null };
      return {
        letters: page.letters.map((letter) => summaryView(letter, redaction)),
        next: page.next === undefined ? null : nextPath(query, page.next),
      };
    });

    app.get<Call>(
      `${deadLettersPath}/:id`,
      { onRequest, schema: operations.showDeadLetter },
      async ({ params }) => letterView(await known(params.id), redaction),
    );

    app.delete<Call>(
      `${deadLettersPath}/:id`,
      { onRequest, schema: operations.deleteDeadLetter },
      async ({ params }, reply) => {
        if ((await redisAway(() => letters.remove([params.id]))) === 0) await known(params.id);
        return reply.code(204).send();
      },
    );

    app.post<Call>(
      `${deadLettersPath}/:id/redrive`,
      { onRequest, schema: operations.redriveDeadLetter },
      async ({ params, body }, reply) => {
        const given = givenOf(body);
        const request = await redisAway(async () => redrive(await known(params.id), given));
        return reply
          .code(202)
          .header('location', requestPath(request))
          .send({ letter: params.id, request, links: { request: requestPath(request) } });
      },
    );

    app.post<Call>(
      `${deadLettersPath}/redrive`,
      { onRequest, schema: operations.redriveDeadLetters },
      async ({ query, body }, reply) => {
        const given = givenOf(body);
        if (given.body !== undefined)
          throw malformed('A body is for one letter; redrive that one by its id.');
        const { filter, dryRun } = selectionOf(query);
        if (dryRun)
          return reply.code(200).send(await redisAway(() => previewLetters(letters, filter, maxAtOnce)));
        const page = await redisAway(() => letters.page(filter, maxAtOnce));
        const outcome = await redriveEach(
          page.letters.map(({ id }) => id),
          (id) => redisAway(async () => redrive(await known(id), given)),
        );
        return reply.code(202).send({ ...outcome, more: page.next !== undefined });
      },
    );

    app.delete<Call>(
      deadLettersPath,
      { onRequest, schema: operations.deleteDeadLetters },
      async ({ query }) => {
        const { filter, dryRun } = selectionOf(query);
        if (dryRun) return redisAway(() => previewLetters(letters, filter, maxAtOnce));
        const page = await redisAway(() => letters.page(filter, maxAtOnce));
        const deleted = await redisAway(() => letters.remove(page.letters.map(({ id }) => id)));
        return { deleted, more: page.next !== undefined };
      },
    );
    done();
  },
  { name: 'dead-letter-routes' },
);
