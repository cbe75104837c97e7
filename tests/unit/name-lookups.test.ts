import type { LookupAddress } from 'node:dns';
import { expect, it } from 'vitest';
import { NameLookups } from '../../gateway/callbacks/name-lookups.ts';

/** A resolver that answers when the test says so. */
function slowResolver() {
  const asked: string[] = [];
  const answers: PromiseWithResolvers<LookupAddress[]>[] = [];
  const lookUp = (name: string): Promise<LookupAddress[]> => {
    asked.push(name);
    const answer = Promise.withResolvers<LookupAddress[]>();
    answers.push(answer);
    return answer.promise;
  };
  return { asked, answers, lookUp };
}

it('looks a name up once for all callers that wait, and again after the answer', async () => {
  const { asked, answers, lookUp } = slowResolver();
  const lookups = new NameLookups(lookUp);
  const both = Promise.all([lookups.of('a.test'), lookups.of('a.test')]);
  const other = lookups.of('b.test');
  expect(asked).toEqual(['a.test', 'b.test']);
  answers[0]?.resolve([{ address: '192.0.2.1', family: 4 }]);
  expect(await both).toEqual(Array.from({ length: 2 }, () => [{ address: '192.0.2.1', family: 4 }]));
  const again = lookups.of('a.test');
  expect(asked).toEqual(['a.test', 'b.test', 'a.test']);
  answers[1]?.resolve([]);
  answers[2]?.reject(new Error('not found'));
  expect(await other).toEqual([]);
  await expect(again).rejects.toThrow('not found');
  const last = lookups.of('a.test');
  expect(asked).toHaveLength(4);
  answers[3]?.resolve([]);
  await last;
});
