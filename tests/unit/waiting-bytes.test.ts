import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { WaitingBytes } from '../../worker/stream/waiting-bytes.ts';

it('gives back all bytes in their order, however they were added and are taken', () => {
  const step = fc.record({ add: fc.uint8Array({ maxLength: 9000 }), take: fc.nat(6000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const waiting = new WaitingBytes();
      const [added, taken]: [Uint8Array[], Uint8Array[]] = [[], []];
      const take = (length: number): void => {
        const parts = waiting.take(length);
        // Bytes that were taken must not change any more.
        for (const part of parts) taken.push(Buffer.from(part));
        expect(Buffer.concat(parts)).toHaveLength(length);
      };
      for (const { add, take: wanted } of steps) {
        waiting.add(add);
        added.push(add);
        take(Math.min(wanted, waiting.length));
      }
      take(waiting.length);
      expect(Buffer.concat(taken).equals(Buffer.concat(added))).toBe(true);
    }),
  );
});

it('costs little more memory than its bytes, however small the chunks are', () => {
  const waiting = new WaitingBytes();
  for (let at = 0; at < 65_536; at += 1) waiting.add(Uint8Array.of(at));
  expect(waiting.length).toBe(65_536);
  // The first chunk is not copied.
  expect(waiting.take(65_536).length).toBeLessThanOrEqual(17);
});
