import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldBytes } from '../../gateway/request/held-bytes.ts';

const wanted = (): boolean => true;

describe('the bytes that a gateway holds', () => {
  it('count requests and answers, and tell whether another request fits', () => {
    const held = new HeldBytes(100);
    held.takeRequest(60);
    expect([held.fits(40), held.fits(41)]).toEqual([true, false]);
    held.takeAnswer(60);
    expect([held.size, held.fits(0)]).toEqual([120, false]);
    held.giveRequest(60);
    held.giveAnswer(60);
    expect([held.size, held.fits(100)]).toEqual([0, true]);
  });

  it('admit one answer whatever its size, and the next ones when there is room, oldest first', async () => {
    const held = new HeldBytes(100);
    held.takeRequest(90);
    const admitted: number[] = [];
    const ask = async (at: number, bytes: number): Promise<void> => {
      if (await held.roomForAnswer(bytes, wanted)) admitted.push(at);
    };
    const asked = [ask(0, 500), ask(1, 80), ask(2, 5)];
    await Promise.resolve();
    expect(admitted).toEqual([0]);
    held.giveRequest(90);
    await Promise.resolve();
    expect(admitted).toEqual([0]);
    held.giveAnswer(500);
    await Promise.all(asked);
    expect(admitted).toEqual([0, 1, 2]);
  });

  it('count those of streams, which keep the oldest answer waiting no longer than its turn', async () => {
    const held = new HeldBytes(100);
    held.takeStream(90);
    expect(await held.roomForAnswer(500, wanted)).toBe(true);
    let isAdmitted = false;
    const second = held.roomForAnswer(20, wanted).then((admitted) => (isAdmitted = admitted));
    await Promise.resolve();
    expect([held.size, isAdmitted]).toEqual([590, false]);
    held.giveAnswer(500);
    expect(await second).toBe(true);
    held.giveStream(90);
    expect(held.size).toBe(20);
  });

  it('keep pieces of kept streams waiting until there is room, and never an answer behind them', async () => {
    const held = new HeldBytes(100);
    held.takeStream(60);
    const admitted: string[] = [];
    const ask = async (name: string, asked: Promise<boolean>): Promise<void> => {
      if (await asked) admitted.push(name);
    };
    const asked = [
      ask('first', held.roomForPiece(50, wanted)),
      ask('second', held.roomForPiece(40, wanted)),
      ask(
        'left',
        held.roomForPiece(40, () => false),
      ),
      ask('answer', held.roomForAnswer(500, wanted)),
    ];
    await Promise.resolve();
    expect([admitted, held.size]).toEqual([['answer'], 560]);
    held.giveAnswer(500);
    await Promise.resolve();
    expect(admitted).toEqual(['answer']);
    held.giveStream(60);
    await Promise.all(asked);
    expect([admitted, held.size]).toEqual([['answer', 'first', 'second'], 90]);
  });

  it('drop a piece whose client has left, also while others wait before it', async () => {
    const held = new HeldBytes(10);
    held.takeRequest(10);
    const leaving = new AbortController();
    const waiting = held.roomForPiece(5, wanted);
    const left = held.roomForPiece(5, () => !leaving.signal.aborted);
    leaving.abort();
    const later = held.roomForPiece(5, wanted);
    expect(await left).toBe(false);
    held.giveRequest(10);
    expect(await Promise.all([waiting, later])).toEqual([true, true]);
  });

  it('admit a piece of any size if they are none', async () => {
    const held = new HeldBytes(10);
    expect(await held.roomForPiece(50, wanted)).toBe(true);
    held.giveStream(50);
    expect(held.size).toBe(0);
  });

  it('skip an answer whose client has left', async () => {
    const held = new HeldBytes(10);
    held.takeAnswer(10);
    let gone = false;
    const first = held.roomForAnswer(10, () => !gone);
    const second = held.roomForAnswer(1, wanted);
    gone = true;
    held.giveAnswer(10);
    expect(await Promise.all([first, second])).toEqual([false, true]);
    expect(held.size).toBe(1);
  });

  it('stay within the limit unless one answer exceeds it, and admit every answer in the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 30 }),
        fc.infiniteStream(fc.boolean()),
        async (sizes, coins) => {
          const held = new HeldBytes(100);
          const inside: number[] = [];
          let settled = 0;
          const all = sizes.map(async (bytes) => {
            if (await held.roomForAnswer(bytes, wanted)) inside.push(bytes);
            settled += 1;
          });
          while (settled < sizes.length || inside.length > 0) {
            await new Promise((resolve) => setImmediate(resolve));
            const total = inside.reduce((sum, bytes) => sum + bytes, 0);
            expect(total <= 100 || inside.length === 1).toBe(true);
            const [coin] = coins.take(1);
            const given = coin ? inside.shift() : inside.pop();
            if (given !== undefined) held.giveAnswer(given);
          }
          await Promise.all(all);
          expect(held.size).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });
});
