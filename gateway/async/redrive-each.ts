import { Problem } from '#shared/contract/errors.ts';

/** What became of several letters. */
export interface Redriven {
  readonly redriven: readonly { readonly letter: string; readonly request: string }[];
  readonly refused: readonly { readonly letter: string; readonly code: string; readonly detail: string }[];
}

/**
 * Redrives letters one after the other. It stops at one for which the gateway has no room, or Redis does not
 * answer: the others would be refused too.
 * @param redriveOne returns the id of the new request of a letter.
 */
export async function redriveEach(
  letters: readonly string[],
  redriveOne: (letter: string) => Promise<string>,
): Promise<Redriven> {
  const redriven: Redriven['redriven'][number][] = [];
  const refused: Redriven['refused'][number][] = [];
  for (const letter of letters) {
    try {
      redriven.push({ letter, request: await redriveOne(letter) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      refused.push({ letter, code: error.code, detail: error.message });
      if (error.status === 503) break;
    }
  }
  return { redriven, refused };
}
