import type { FastifySchema } from 'fastify';
import * as schemas from './schemas.ts';

/**
 * What the document says about each of the gateway's own routes. These schemas check no requests: the routes
 * do that themselves, with problems that say what is right. A test proves that answers match the schemas.
 */
export interface Operation extends FastifySchema {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly Tag[];
  readonly security?: readonly { readonly [scheme: string]: readonly string[] }[];
}

export type Tag = 'system' | 'replicas' | 'requests' | 'dead letters' | 'callbacks' | 'dashboard' | 'health';

/** The security of the admin side. */
export const admin = [{ adminToken: [] }];

/** The body of an answer that is not `application/json`. */
export function content(type: string, schema: object, description: string): object {
  return { description, content: { [type]: { schema } } };
}

const problemType = 'application/problem+json';
/** @returns what a description says of an answer that is a problem. */
export const problem = (description: string): object => content(problemType, schemas.problem, description);
export const nothing = (description: string): object => ({ type: 'null', description });
export const answer = (schema: object, description: string): object => ({ ...schema, description });

/** The problems that any call of the admin side may be answered with. */
export const problems = {
  400: problem('The request is malformed; the detail says what is right.'),
  401: problem('`Authorization: Bearer <ADMIN_TOKEN>` is missing or wrong.'),
  403: problem('The admin calls are closed on this address.'),
  503: problem('Redis does not answer; ask again after `Retry-After`.'),
};
