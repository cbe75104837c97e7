import { call } from '../data/call.ts';
import { ask } from '../parts/question.tsx';
import { counted } from '../words/numbers.ts';
import { Letters } from './letter-list.tsx';
import type { Chosen } from './letter-list.tsx';

const path = '/-/dead-letters';

/**
 * Asks whether dead letters are to be deleted.
 * @param done is called when they have been deleted.
 */
export function askDelete(chosen: Chosen, done: () => void): void {
  ask({
    title: `Delete ${counted(chosen.count, 'dead letter')}?`,
    body: (
      <>
        <p>The requests and their answers are gone then, and cannot be redriven.</p>
        <Letters chosen={chosen} />
      </>
    ),
    confirm: chosen.count === 1 ? 'Delete' : `Delete ${counted(chosen.count, 'letter')}`,
    tone: 'danger',
    busy: 'Deleting …',
    run: async () => {
      const deleted = await remove(chosen);
      done();
      return `${counted(deleted, 'dead letter')} deleted.`;
    },
  });
}

async function remove({ ids, filter }: Chosen): Promise<number> {
  let deleted = 0;
  if (filter !== undefined) {
    for (let more = true; more;) {
      const answer = await call<{ deleted: number; more: boolean }>('DELETE', `${path}?${filter}`);
      deleted += answer.deleted;
      ({ more } = answer);
    }
    return deleted;
  }
  for (const id of ids) {
    await call('DELETE', `${path}/${encodeURIComponent(id)}`);
    deleted += 1;
  }
  return deleted;
}
