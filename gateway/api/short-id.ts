import { replicaOf, uuidOf } from '#shared/contract/request-id.ts';

/** How many digits of an id a viewer gets. The 90 bits that are left cannot be guessed. */
export const shownDigits = 8;

/**
 * Shows the id of a request to a viewer. The whole id can be the capability for the answer.
 * @returns its first digits, and its replica if it names one.
 */
export function shortId(id: string): string {
  const replica = replicaOf(id);
  return `${uuidOf(id).slice(0, shownDigits)}…${replica === undefined ? '' : `.${replica}`}`;
}

/** @returns an id as an admin or a viewer sees it. */
export function shownId(id: string, onlyViews: boolean): string {
  return onlyViews ? shortId(id) : id;
}
