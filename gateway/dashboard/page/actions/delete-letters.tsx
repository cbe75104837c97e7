import type { JSX } from 'preact';
import type { DeadLetterPreviewView } from '#shared/contract/api/requests.ts';
import { call } from '../data/call.ts';
import { useResource } from '../data/resource.ts';
import { asCallError } from '../data/session.ts';
import { Loaded } from '../parts/note.tsx';
import { ask } from '../parts/question.tsx';
import { counted } from '../words/numbers.ts';
import { failAfter, Letters, MatchCount } from './letter-list.tsx';
import type { Chosen } from './letter-list.tsx';

const path = '/-/dead-letters';

/**
 * Asks whether dead letters are to be deleted.
 * @param done is called when they have been deleted.
 */
export function askDelete(chosen: Chosen, done: () => void): void {
  ask({
    title:
      chosen.filter === undefined
        ? `Delete ${counted(chosen.count, 'dead letter')}?`
        : 'Delete all that match?',
    body: (
      <>
        <p>The requests and their answers are gone then, and cannot be redriven.</p>
        {chosen.filter !== undefined && <Matching filter={chosen.filter} />}
        <Letters chosen={chosen} />
      </>
    ),
    confirm: 'Delete',
    tone: 'danger',
    busy: 'Deleting …',
    endsItsButton: true,
    run: async () => {
      const deleted = await remove(chosen, done);
      done();
      return `${counted(deleted, 'dead letter')} deleted.`;
    },
  });
}

/** Counts what would be deleted. A redrive does not matter here. */
function Matching({ filter }: { readonly filter: string }): JSX.Element {
  const preview = useResource<DeadLetterPreviewView>(`${path}?${filter}&dry-run=true`, { method: 'DELETE' });
  return <Loaded from={preview}>{(view) => <MatchCount preview={{ ...view, incomplete: 0 }} />}</Loaded>;
}

/** @param changed is called if some were deleted before a call failed. */
async function remove({ ids, filter }: Chosen, changed: () => void): Promise<number> {
  let deleted = 0;
  if (filter !== undefined) {
    for (let more = true; more;) {
      const answer = await call<{ deleted: number; more: boolean }>('DELETE', `${path}?${filter}`).catch(
        (error: unknown) => failAfter(deleted, error, changed),
      );
      deleted += answer.deleted;
      ({ more } = answer);
    }
    return deleted;
  }
  for (const id of ids) {
    try {
      await call('DELETE', `${path}/${encodeURIComponent(id)}`);
      deleted += 1;
    } catch (error) {
      // Somebody else has deleted it, or it has expired.
      if (asCallError(error).status !== 404) failAfter(deleted, error, changed);
    }
  }
  return deleted;
}
