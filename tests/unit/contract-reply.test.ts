import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReply, encodeReply } from '#shared/contract/reply.ts';
import type { Reply, ReplyFrame } from '#shared/contract/reply.ts';

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });

const reply = fc.record(
  {
    status: fc.integer({ min: 200, max: 599 }),
    reason: latin1,
    headers: fc.array(fc.tuple(latin1, latin1)).map((pairs) => pairs.flat()),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'grapheme', maxLength: 2000 }).map((text) => Buffer.from(text)),
      fc.constantFrom('\uFEFFx', 'x'.repeat(4096), 'ü'.repeat(2049)).map((text) => Buffer.from(text)),
    ),
  },
  { requiredKeys: ['status', 'headers', 'body'] },
);

/** Decodes a frame as it is read from Redis. */
function decode(frame: ReplyFrame): Reply {
  return decodeReply(Buffer.from(frame));
}

describe('a reply', () => {
  it('carries the answer unchanged, whatever it contains', () => {
    fc.assert(
      fc.property(fc.uuid(), reply, (id, given) => {
        expect(decode(encodeReply(id, given))).toEqual({ id, ...given });
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['only line feeds', '\n\n\n'],
    ['another frame', '{"id":"x","status":200,"headers":[]}\nbody'],
  ])('keeps a body of %s', (_, text) => {
    const given = { status: 200, headers: ['x', '\n'], body: Buffer.from(text) };
    expect(decode(encodeReply('i', given)).body).toEqual(given.body);
  });

  it('leaves out a stored body', () => {
    const given = { status: 200, headers: ['content-length', '3'], body: Buffer.from('abc') };
    const frame = encodeReply('i', given, true);
    expect(frame.toString()).not.toContain('abc');
    expect(decode(frame)).toEqual({ ...given, id: 'i', body: undefined, storedBytes: 3 });
    const before = frame.toString().replace('"stored":3', '"stored":true');
    expect(decode(before)).toEqual({ ...given, id: 'i', body: undefined });
  });

  it('says which problem the worker answered, unless another release has another one', () => {
    const given = { status: 502, headers: [], body: Buffer.from('{}'), problem: 'worker_died' } as const;
    const frame = encodeReply('i', given);
    expect(decode(frame)).toEqual({ ...given, id: 'i' });
    expect(decode(frame.toString().replace('worker_died', 'of_tomorrow')).problem).toBeUndefined();
  });

  it.each([
    { leftMs: 1999.9, serviceMs: 0.1, attempt: 1, adopter: undefined },
    { leftMs: -1, serviceMs: 0, attempt: 3, adopter: undefined },
    { leftMs: 5, serviceMs: 12_345, attempt: 1, adopter: 'S1#4' },
  ])('says how the request was run: %j', (run) => {
    const given = { status: 200, headers: [], body: Buffer.from('a') };
    expect(decode(encodeReply('i', given, false, run)).run).toEqual(run);
    expect(decode(encodeReply('i', given, true, run)).run).toEqual(run);
  });

  it.each(['null', '{}', '[]', '[1]', '["1",2]', '[1,2,"3"]'])(
    'is read without its run if another release wrote that as %s',
    (run) => {
      expect(decode(`{"id":"i","status":200,"headers":[],"run":${run}}\n`).run).toBeUndefined();
    },
  );

  it('has only the bytes that its body views of a larger buffer', () => {
    const memory = Uint8Array.from({ length: 256 }, (_, i) => i);
    const given = { status: 200, headers: [], body: memory.subarray(250, 253) };
    expect([...(decode(encodeReply('i', given)).body ?? [])]).toEqual([250, 251, 252]);
  });

  it.each(['', 'x', '{"id":"i"', 'x\n', '{"id":"i","status":200,"reason":1,"headers":[]}\n'])(
    'is refused if the frame is %j',
    (bytes) => {
      expect(() => decodeReply(Buffer.from(bytes))).toThrow(SyntaxError);
    },
  );
});
