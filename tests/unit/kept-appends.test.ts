import { afterEach, describe, expect, it } from 'vitest';
import type { Append } from '#shared/store/streams/kept-streams.ts';
import { KeptAppends } from '../../worker/stream/kept-appends.ts';
import type { AppendingStream } from '../../worker/stream/kept-appends.ts';

/** A stream with entries of these lengths. */
class Lengths implements AppendingStream {
  readonly kept: boolean[] = [];
  readonly #id: string;
  readonly #lengths: number[];
  #end = 0;

  constructor(id: string, lengths: readonly number[]) {
    this.#id = id;
    this.#lengths = [...lengths];
  }

  take(): Append | undefined {
    const length = this.#lengths.shift();
    if (length === undefined) return undefined;
    this.#end += length;
    return { id: this.#id, bytes: Buffer.alloc(length), end: this.#end, lastId: undefined };
  }

  appended(_append: Append, isKept: boolean): void {
    this.kept.push(isKept);
  }
}

interface Write {
  /** `<id>:<end>` of each entry. */
  readonly entries: readonly string[];
  readonly at: number;
  readonly answer: PromiseWithResolvers<readonly boolean[]>;
}

const used: KeptAppends[] = [];
afterEach(() => used.splice(0).forEach((each) => each.stop()));

function useAppends() {
  const writes: Write[] = [];
  const refused: unknown[] = [];
  const appends = new KeptAppends(
    (all) => {
      const answer = Promise.withResolvers<readonly boolean[]>();
      const entries = all.map(({ id, end }) => `${id}:${end}`);
      writes.push({ entries, at: performance.now(), answer });
      return answer.promise;
    },
    (error) => refused.push(error),
  );
  used.push(appends);
  const last = (): Write => {
    const write = writes.at(-1);
    if (write === undefined) throw new Error('nothing was written');
    return write;
  };
  return { appends, writes, refused, last, count: () => expect.poll(() => writes.length, { interval: 1 }) };
}

const KiB = 1024;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('appends to kept streams', () => {
  it('are in one write, with one entry of each stream, and one write is under way', async () => {
    const { appends, writes, last, count } = useAppends();
    const [a, b, c] = [new Lengths('a', [1, 2]), new Lengths('b', [3]), new Lengths('c', [4])];
    appends.ready(a);
    appends.ready(b);
    appends.ready(a);
    expect(writes).toEqual([]);
    await count().toBe(1);
    expect(last().entries).toEqual(['a:1', 'b:3']);
    appends.ready(c);
    await turn();
    expect(writes).toHaveLength(1);
    last().answer.resolve([true, false]);
    await count().toBe(2);
    expect([a.kept, b.kept]).toEqual([[true], [false]]);
    expect(last().entries).toEqual(['a:3', 'c:4']);
    last().answer.resolve([true, true]);
    await expect.poll(() => c.kept).toEqual([true]);
    appends.ready(new Lengths('d', [5]));
    await count().toBe(3);
  });

  it('follow one another after 5 ms, or at once after a long entry', async () => {
    const { appends, writes, last, count } = useAppends();
    const lengths = [1, 1, 64 * KiB, 64 * KiB, 1];
    appends.ready(new Lengths('a', lengths));
    for (const at of lengths.keys()) {
      await count().toBe(at + 1);
      last().answer.resolve([true]);
    }
    const gaps = writes.slice(1).map(({ at }, index) => at - (writes[index]?.at ?? 0));
    expect(Math.min(gaps[0] ?? 0, gaps[1] ?? 0)).toBeGreaterThan(3);
  });

  it('take turns if there are more bytes than one write may have', async () => {
    const { appends, last, count } = useAppends();
    for (let at = 0; at < 12; at += 1) appends.ready(new Lengths(`s${at}`, [64 * KiB, 64 * KiB]));
    await count().toBe(1);
    expect(last().entries.map((entry) => entry.split(':')[0])).toEqual(
      Array.from({ length: 8 }, (_, at) => `s${at}`),
    );
    last().answer.resolve(Array.from({ length: 8 }, () => true));
    await count().toBe(2);
    expect(last().entries.slice(0, 4)).toEqual([8, 9, 10, 11].map((at) => `s${at}:65536`));
  });

  it('are sent again if Redis refuses them for now, before all others', async () => {
    const { appends, refused, last, count } = useAppends();
    const a = new Lengths('a', [1, 2]);
    appends.ready(a);
    await count().toBe(1);
    const error = new Error('OOM');
    last().answer.reject(error);
    await expect.poll(() => refused).toEqual([error]);
    appends.ready(new Lengths('b', [3]));
    await count().toBe(2);
    expect([last().entries, a.kept]).toEqual([['a:1'], []]);
    last().answer.resolve([true]);
    await count().toBe(3);
    expect(last().entries).toEqual(['a:3', 'b:3']);
  });

  it('end with a stop', async () => {
    const { appends, writes, last, count } = useAppends();
    const a = new Lengths('a', [1, 2]);
    appends.ready(a);
    await count().toBe(1);
    appends.stop();
    appends.ready(a);
    last().answer.resolve([true]);
    await expect.poll(() => a.kept).toEqual([true]);
    await turn();
    expect(writes).toHaveLength(1);
  });
});
