import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSignals, encodeSignals } from '#shared/contract/stream-signal.ts';
import type { StreamSignal } from '#shared/contract/stream-signal.ts';

const id = fc.uuid().map((uuid) => `${uuid}.S1`);
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const signal: fc.Arbitrary<StreamSignal> = fc.oneof(
  fc.record({ kind: fc.constant('grant' as const), fence: count, offset: count, id }),
  fc.record({ kind: fc.constant('cancel' as const), fence: count, id }),
  fc.record({
    kind: fc.constant('missing' as const),
    offset: fc.option(count, { nil: undefined }),
    id,
  }),
  fc.record({ kind: fc.constant('present' as const), gateway: fc.uuid() }),
);

describe('the signals about streams', () => {
  it('are read as they were written, in their order', () => {
    fc.assert(
      fc.property(fc.array(signal), (signals) => {
        expect(decodeSignals(encodeSignals(signals))).toEqual(signals);
      }),
    );
  });

  it('leave out lines of another release, and garbled ones', () => {
    const lines = [
      'q 1 2 x',
      'g 1 2',
      'g 1 x y',
      'x 1 a b',
      'g 9007199254740993 1 x',
      'x 9007199254740993 x',
      'm 9007199254740993 x',
      'm -1 x',
      '',
    ];
    expect(decodeSignals([...lines, 'x 4 left', 'n '].join('\n'))).toEqual([
      { kind: 'cancel', fence: 4, id: 'left' },
    ]);
  });
});
