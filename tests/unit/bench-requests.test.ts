import { describe, expect, it } from 'vitest';
import { fromBytes, toBytes } from '../bench/peers/message.ts';
import { bodyOf, bodyParts, idOfRequest, requestKinds, requestOf } from '../bench/workload/requests.ts';

describe('the body of a request of the bench', () => {
  it.each([
    requestKinds.post,
    requestKinds['post-16k'],
    requestKinds['post-256k'],
    requestOf('', '', 1_048_576),
  ])('is JSON of exactly $bodyBytes bytes with the id', (kind) => {
    for (const run of [1, 27]) {
      const id = idOfRequest(run, 4711);
      const body = bodyOf(bodyParts(kind, run), id);
      expect(Buffer.byteLength(body)).toBe(kind.bodyBytes);
      expect(JSON.parse(body)).toMatchObject({ id });
    }
  });

  it('is nothing but the id for a GET, which is what the answer must be', () =>
    expect(bodyOf(bodyParts(requestKinds.get, 3), idOfRequest(3, 7))).toBe('3-00000007'));
});

describe('a message of a peer', () => {
  it('brings back the head and every byte of the body', () => {
    const body = Buffer.from([10, 0, 255, 10]);
    expect(fromBytes(toBytes({ id: 'a\nb' }, body))).toEqual({ head: { id: 'a\nb' }, body });
    expect(fromBytes(toBytes({}, 'text')).body.toString()).toBe('text');
  });
});
