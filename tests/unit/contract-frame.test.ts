import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeFrame,
  encodeAbort,
  encodeBlocked,
  encodeBodyFrame,
  encodeChunk,
  encodeEnd,
  encodeHead,
  encodeHints,
  encodeReplyAfterBody,
} from '#shared/contract/frame.ts';
import type { Frame } from '#shared/contract/frame.ts';
import { catalogue, isProblemCode } from '#shared/contract/errors.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';

const id = '3f8a1d6e-0000-4000-8000-000000000001.S1';
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => Buffer.from(text)),
  fc
    .constantFrom('x'.repeat(4096), 'x'.repeat(4097), '\n', '{}\n', '\uFEFF')
    .map((text) => Buffer.from(text)),
);

/** Decodes a frame as it is read from Redis. */
function decode(frame: ReplyFrame): Frame {
  return decodeFrame(Buffer.from(frame));
}

describe('a frame', () => {
  it('with a chunk carries its bytes unchanged, whatever they are and however they are cut', () => {
    fc.assert(
      fc.property(count, count, fc.array(bytes, { maxLength: 4 }), (fence, offset, parts) => {
        const frame = encodeChunk(id, fence, offset, parts);
        expect(decode(frame)).toEqual({ kind: 'chunk', id, fence, offset, bytes: Buffer.concat(parts) });
      }),
    );
  });

  it('with a head says on which terms the stream is, and has the first bytes', () => {
    const head = { status: 200, reason: 'Fine', headers: ['content-type', 'text/event-stream'] };
    fc.assert(
      fc.property(count, count, bytes, (fence, credit, first) => {
        expect(decode(encodeHead(id, head, first, { fence, credit }))).toEqual({
          kind: 'head',
          reply: { id, ...head, body: Buffer.from(first) },
          terms: { fence, credit },
        });
      }),
    );
  });

  it('with a head says how the request was run', () => {
    const run = { leftMs: 10, serviceMs: 2.5, attempt: 2, adopter: 'S2#1' };
    const frame = encodeHead(id, { status: 200, headers: [] }, Buffer.alloc(0), { fence: 1, credit: 2 }, run);
    expect(decode(frame)).toMatchObject({ kind: 'head', reply: { run } });
  });

  it('with an end, an abort or a wait for credit has its number', () => {
    fc.assert(
      fc.property(count, count, (fence, at) => {
        expect(decode(encodeEnd(id, fence, at))).toEqual({ kind: 'end', id, fence, length: at });
        expect(decode(encodeBlocked(id, fence, at))).toEqual({ kind: 'blocked', id, fence, offset: at });
      }),
    );
    for (const code of Object.keys(catalogue).filter(isProblemCode)) {
      expect(decode(encodeAbort(id, 7, code))).toEqual({ kind: 'abort', id, fence: 7, code });
    }
  });

  it('that aborts for a reason of another release aborts all the same', () => {
    expect(decode(`a 7 of_tomorrow ${id}\n`)).toEqual({ kind: 'abort', id, fence: 7, code: 'internal' });
  });

  it('with early hints is no answer', () => {
    const headers = ['link', '</style.css>; rel=preload'];
    expect(decode(encodeHints(id, headers))).toEqual({ kind: 'hints', id, headers });
  });

  it('with a whole reply is read as before', () => {
    const reply = { status: 200, headers: ['x', 'y'], body: Buffer.from('abc') };
    expect(decode(encodeReply(id, reply))).toEqual({ kind: 'reply', reply: { id, ...reply } });
    expect(decode(encodeReply(id, reply, true))).toEqual({
      kind: 'reply',
      reply: { id, ...reply, body: undefined, storedBytes: 3 },
    });
  });

  it('with the bytes of a whole reply comes before the reply, which names it', () => {
    const reply = { status: 200, headers: [], body: Buffer.from('äbc') };
    const parts = encodeBodyFrame(id, 3, reply.body).map((part) => Buffer.from(part));
    expect(decode(Buffer.concat(parts))).toEqual({
      kind: 'body',
      id,
      fence: 3,
      bytes: reply.body,
    });
    expect(decode(encodeReplyAfterBody(id, reply, 3))).toEqual({
      kind: 'reply',
      reply: { id, ...reply, body: undefined, bodyFrame: { fence: 3, length: 4 } },
    });
  });

  it.each([
    '',
    '\n',
    'c',
    `c 1 2 ${id}`,
    `c 1 ${id}\nx`,
    `c 1 2 3 ${id}\nx`,
    `c -1 2 ${id}\nx`,
    `c 1 1e3 ${id}\nx`,
    `c 1  ${id}\nx`,
    `c 9007199254740993 2 ${id}\nx`,
    'c 1 2 \nx',
    `z 1 2 ${id}\n`,
    `w 1 2 ${id}\n`,
    '[]\n',
    '{"id":"x","status":200,"headers":[],"stream":[1]}\n',
    '{"id":"x","status":200,"headers":[],"stream":[1,"2"]}\n',
    '{"id":"x","status":200,"headers":[],"body":7}\n',
  ])('is not %j', (text) => {
    expect(() => decode(text)).toThrow(SyntaxError);
  });
});
