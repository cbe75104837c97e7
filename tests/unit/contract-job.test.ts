import * as fc from 'fast-check';
import { METHODS } from 'node:http';
import { describe, expect, it } from 'vitest';
import { inlineBodyLimit } from '#shared/contract/body.ts';
import { decodeJob, encodeJob, parseJob, storedBody } from '#shared/contract/job.ts';
import { redeliveryOf, retriesAlways } from '#shared/contract/redelivery.ts';
import type { JobData } from '#shared/contract/job.ts';

const rest = { gateway: 'g', deadline: 1, redelivery: 'safe' } as const;
const overTheWire = (job: JobData): JobData => JSON.parse(JSON.stringify(job)) as JobData; // just made

/** Any string as node:http makes it: one character for each byte. */
const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });

const request = fc.record({
  method: fc.constantFrom(...METHODS),
  target: latin1.map((text) => `/${text}`),
  headers: fc.array(fc.tuple(latin1, latin1)).map((pairs) => pairs.flat()),
  body: fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes)),
});

describe('a job', () => {
  it('carries the request unchanged, whatever it contains', () => {
    fc.assert(
      fc.property(request, (given) => {
        const job = overTheWire(encodeJob(given, rest));
        expect(storedBody(job)).toBe(false);
        expect(decodeJob(job)).toEqual(given);
        expect(job).toMatchObject(rest);
      }),
    );
  });

  it('has no body if the request has none', () => {
    const job = encodeJob({ method: 'GET', target: '/', headers: [], body: new Uint8Array(0) }, rest);
    expect(job).not.toHaveProperty('body');
    expect(decodeJob(job).body).toHaveLength(0);
  });

  it('distinguishes an empty chunked body from no body', () => {
    const given = { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) };
    const chunked = { ...given, emptyChunked: true } as const;
    expect(decodeJob(overTheWire(encodeJob(chunked, rest)))).toEqual(chunked);
    expect(decodeJob(overTheWire(encodeJob(given, rest)))).toEqual(given);
  });

  it('says whether its gateway reads frames, until when a stream may last, and whether it is taken up', () => {
    const terms = { frames: 1, until: 5, resume: true } as const;
    const given = { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) };
    expect(parseJob(JSON.stringify(encodeJob(given, { ...rest, ...terms })))).toMatchObject(terms);
    expect(parseJob(JSON.stringify({ ...encodeJob(given, rest), frames: '1' }))).toBeUndefined();
    expect(parseJob(JSON.stringify({ ...encodeJob(given, rest), until: 'x' }))).toBeUndefined();
  });

  it('carries only the size of a body above the inline limit; the worker passes its bytes in', () => {
    const body = Buffer.alloc(inlineBodyLimit + 1, 0xfe);
    const job = overTheWire(encodeJob({ method: 'PUT', target: '/', headers: [], body }, rest));
    expect(storedBody(job)).toBe(true);
    expect(JSON.stringify(job).length).toBeLessThan(200);
    expect(decodeJob(job, body).body).toBe(body);
    expect(() => decodeJob(job)).toThrow('the body of the job is stored elsewhere and was not passed');
  });
});

describe('whether a request may run again', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])('is yes for %s', (method) => {
    expect(redeliveryOf(method, [])).toBe('safe');
  });

  it.each(['POST', 'PATCH', 'LOCK', 'get', ''])(
    'is no for %s, unless it has an Idempotency-Key',
    (method) => {
      expect(redeliveryOf(method, [])).toBe('never');
      expect(redeliveryOf(method, ['Idempotency-Key', 'k'])).toBe('safe');
    },
  );

  it('is decided by Ringpost-Retry before anything else', () => {
    expect(redeliveryOf('POST', ['Ringpost-Retry', 'always'])).toBe('safe');
    expect(redeliveryOf('GET', ['ringpost-retry', ' Never '])).toBe('never');
    expect(redeliveryOf('PUT', ['Idempotency-Key', 'k', 'Ringpost-Retry', 'never'])).toBe('never');
    expect(redeliveryOf('GET', ['Ringpost-Retry', 'sometimes'])).toBeUndefined();
  });

  it('is said to be always by the request alone', () => {
    expect(retriesAlways(['ringpost-retry', ' Always'])).toBe(true);
    expect(retriesAlways(['Ringpost-Retry', 'never'])).toBe(false);
    expect(retriesAlways(['Idempotency-Key', 'k'])).toBe(false);
  });
});
