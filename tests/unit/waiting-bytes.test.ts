import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitingBytes } from '../../gateway/streams/waiting-bytes.ts';

const sizes = fc.constantFrom(0, 1, 5, 4097, 16_383, 16_384, 16_385, 65_536);

describe('bytes that wait', () => {
  it('come out in their order and whole, however they are added and taken', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ size: sizes, takes: fc.nat(3) }), { maxLength: 60 }), (steps) => {
        const waiting = new WaitingBytes();
        const added: Buffer[] = [];
        const taken: Buffer[] = [];
        for (const [at, { size, takes }] of steps.entries()) {
          const bytes = Buffer.alloc(size, at + 1);
          added.push(Buffer.from(bytes));
          waiting.add(bytes);
          for (let each = 0; each < takes; each += 1) taken.push(waiting.take() ?? Buffer.alloc(0));
          const left = Buffer.concat(added).length - Buffer.concat(taken).length;
          expect(waiting.length).toBe(left);
        }
        for (let next = waiting.take(); next !== undefined; next = waiting.take()) taken.push(next);
        expect(Buffer.concat(taken).equals(Buffer.concat(added))).toBe(true);
        expect([waiting.length, waiting.take()]).toEqual([0, undefined]);
      }),
    );
  });

  it('are no parts of much larger buffers', () => {
    const waiting = new WaitingBytes();
    const read = Buffer.allocUnsafeSlow(1024 * 1024);
    for (const size of [1, 5000, 65_536]) waiting.add(read.subarray(0, size));
    const blocks = [waiting.take(), waiting.take()];
    expect(blocks.map((block) => block?.length)).toEqual([5001, 65_536]);
    for (const block of blocks) expect(block?.buffer).not.toBe(read.buffer);
  });

  it('are not copied if they are large, and most of their buffer', () => {
    const waiting = new WaitingBytes();
    const bytes = Buffer.allocUnsafeSlow(65_536).subarray(100);
    waiting.add(bytes);
    expect(waiting.take()?.buffer).toBe(bytes.buffer);
  });

  it('may be dropped', () => {
    const waiting = new WaitingBytes();
    waiting.add(Buffer.from('abc'));
    waiting.clear();
    expect([waiting.length, waiting.take()]).toEqual([0, undefined]);
    waiting.add(Buffer.from('d'));
    expect(String(waiting.take())).toBe('d');
  });
});
