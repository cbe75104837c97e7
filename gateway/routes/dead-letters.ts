import fp from 'fastify-plugin';
import type { Redaction } from '#shared/contract/redaction.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { AdminAccess } from '../admin/admin-access.ts';
import type { DeadLetter } from '#shared/store/dead-letter.ts';
import type { DeadLetterFilter, DeadLetters, PageEnd } from '#shared/store/dead-letters.ts';
import { deadLettersPath, letterView, metadataView, summaryView } from '../records/dead-letter-view.ts';
import type { Given } from '../async/completion.ts';
import { givenOf } from '../async/given.ts';
import { operations } from '../openapi/operations.ts';
import { requestPath } from '../records/request-view.ts';
import { noStore } from './no-store.ts';
import { redisAway } from './redis-away.ts';

export interface DeadLetterRouteOptions {
  readonly letters: DeadLetters;
  readonly access: AdminAccess;
  /** What is not shown. */
  readonly redaction: Redaction;
  /** Hands one over again. @returns the new request's id. @throws {Problem} where it is not taken. */
  readonly redrive: (letter: DeadLetter, given: Given) => Promise<string>;
}

interface Asked {
  Params: { id: string };
  Querystring: Readonly<Record<string, unknown>>;
}

const usualLimit = 50;
const mostLimit = 200;
/** Letters that one call hands over again, or deletes. */
const mostAtOnce = 1000;
/** A time without a zone is refused: `Date.parse` would read it in that of this process. */
const dateTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;
const filters = ['replica', 'code', 'since', 'until'];

/** `/-/dead-letters`: the requests that have failed for good, what was kept of them, another try, and an end to them. */
export const deadLetterRoutes = fp<DeadLetterRouteOptions>(
  (app, { letters, access, redaction, redrive }, done) => {
    const onRequest = noStore;
    const known = async (id: string): Promise<DeadLetter> => {
      const letter = await redisAway(() => letters.read(id));
      if (letter !== undefined) return letter;
      throw new Problem('not_found', `There is no dead letter ${id}, or not any more.`);
    };

    app.get<Asked>(deadLettersPath, { onRequest, schema: operations.listDeadLetters }, async (request) => {
      const { query } = request;
      onlyThese(query, [...filters, 'limit', 'after']);
      const limit = limitOf(query['limit']);
      const page = await redisAway(() => letters.page(filterOf(query), limit, placeOf(query['after'])));
      if (access.onlyViews(request)) return { letters: page.letters.map(metadataView), next: null };
      return {
        letters: page.letters.map((letter) => summaryView(letter, redaction)),
        next: page.next === undefined ? null : nextPath(query, page.next),
      };
    });

    app.get<Asked>(
      `${deadLettersPath}/:id`,
      { onRequest, schema: operations.showDeadLetter },
      async ({ params }) => letterView(await known(params.id), redaction),
    );

    app.delete<Asked>(
      `${deadLettersPath}/:id`,
      { onRequest, schema: operations.deleteDeadLetter },
      async ({ params }, reply) => {
        if ((await redisAway(() => letters.remove([params.id]))) === 0) await known(params.id);
        return reply.code(204).send();
      },
    );

    app.post<Asked>(
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

    app.post<Asked>(
      `${deadLettersPath}/redrive`,
      { onRequest, schema: operations.redriveDeadLetters },
      async ({ query, body }, reply) => {
        const given = givenOf(body);
        if (given.body !== undefined)
          throw malformed('A body is for one letter; redrive that one by its id.');
        const page = await redisAway(() => letters.page(meant(query), mostAtOnce));
        const redriven: object[] = [];
        const refused: object[] = [];
        for (const { id } of page.letters) {
          try {
            redriven.push({
              letter: id,
              request: await redisAway(async () => redrive(await known(id), given)),
            });
          } catch (error) {
            if (!(error instanceof Problem)) throw error;
            refused.push({ letter: id, code: error.code, detail: error.message });
            // The others would fare no better.
            if (error.status === 503) break;
          }
        }
        return reply.code(202).send({ redriven, refused, more: page.next !== undefined });
      },
    );

    app.delete<Asked>(
      deadLettersPath,
      { onRequest, schema: operations.deleteDeadLetters },
      async ({ query }) => {
        const page = await redisAway(() => letters.page(meant(query), mostAtOnce));
        const deleted = await redisAway(() => letters.remove(page.letters.map(({ id }) => id)));
        return { deleted, more: page.next !== undefined };
      },
    );
    done();
  },
  { name: 'dead-letter-routes' },
);

/** @returns which letters a call is for that changes them: it has to say so. */
function meant(query: Asked['Querystring']): DeadLetterFilter {
  onlyThese(query, [...filters, 'all']);
  const { all } = query;
  const filter = filterOf(query);
  if (all === 'true' || Object.keys(filter).length > 0) return filter;
  throw malformed(`Say which dead letters are meant: by ${filters.join(', ')}, or ?all=true.`);
}

function onlyThese(query: Asked['Querystring'], names: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw malformed(`There is no parameter ${unknown}; there are ${names.join(', ')}.`);
}

function filterOf(query: Asked['Querystring']): DeadLetterFilter {
  const text = (name: string): object => {
    const value = query[name];
    if (value === undefined) return {};
    if (typeof value === 'string' && value !== '') return { [name]: value };
    throw malformed(`${name} must be given once, and not be empty.`);
  };
  const time = (name: string): object => {
    const value = query[name];
    if (value === undefined) return {};
    const ms = typeof value === 'string' && dateTime.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(ms)) return { [name]: ms };
    const right = 'a date in UTC or a time with its zone, such as 2026-01-31T12:00:00Z';
    throw malformed(`${name} is ${JSON.stringify(value)}; it must be ${right}.`);
  };
  return { ...text('replica'), ...text('code'), ...time('since'), ...time('until') };
}

function limitOf(value: unknown): number {
  if (value === undefined) return usualLimit;
  if (
    typeof value === 'string' &&
    /^\d{1,3}$/.test(value) &&
    Number(value) >= 1 &&
    Number(value) <= mostLimit
  ) {
    return Number(value);
  }
  throw malformed(`limit is ${JSON.stringify(value)}; it must be a whole number from 1 to ${mostLimit}.`);
}

function placeOf(value: unknown): PageEnd | undefined {
  if (value === undefined) return undefined;
  const [, ended, id] = (typeof value === 'string' && /^(\d{1,16})~(.+)$/.exec(value)) || [];
  if (ended !== undefined && id !== undefined) return { ended: Number(ended), id };
  throw malformed('after must be as the page before has it in next.');
}

function nextPath(query: Asked['Querystring'], { ended, id }: PageEnd): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const parameters = new URLSearchParams([
    ...given.filter(([name]) => name !== 'after'),
    ['after', `${ended}~${id}`],
  ]);
  return `${deadLettersPath}?${parameters.toString()}`;
}

function malformed(detail: string): Problem {
  return new Problem('request_malformed', detail);
}
