import { describe, expect, it } from 'vitest';
import { delayFault, directivesOf } from '../../gateway/request/directives.ts';

const now = Date.parse('Wed, 25 Nov 2026 12:00:00 GMT');

describe('the directives of a request', () => {
  it.each([
    [{}, {}],
    [{ 'ringpost-key': 'k' }, {}],
    [{ 'Ringpost-Attempts': '3' }, { maxAttempts: 3 }],
    [{ 'Ringpost-Priority': '0' }, {}],
    [{ 'Ringpost-Priority': ' 9 ' }, { priority: 9 }],
    [{ 'RINGPOST-DEADLINE': '5000' }, { deadlineMs: 5000 }],
    [{ 'Ringpost-Delay': '30' }, { notBefore: now + 30_000 }],
    [{ 'Ringpost-Delay': '0' }, {}],
    [{ 'Ringpost-Delay': 'Wed, 25 Nov 2026 12:01:00 GMT' }, { notBefore: now + 60_000 }],
    [{ 'Ringpost-Delay': 'Wed, 25 Nov 2026 11:00:00 GMT' }, {}],
    [{ 'Ringpost-Delay': 'Wednesday, 25-Nov-26 12:01:00 GMT' }, { notBefore: now + 60_000 }],
    [{ 'Ringpost-Delay': 'Wed Nov 25 12:01:00 2026' }, { notBefore: now + 60_000 }],
    [{ 'Ringpost-Delay': 'Sunday, 06-Nov-94 08:49:37 GMT' }, {}],
    [{ 'Ringpost-Order': 'Key' }, { ordered: true }],
    [{ 'Ringpost-Order': 'key; on-retry=pass' }, { ordered: true, orderOnRetry: 'pass' }],
    [{ 'Ringpost-Order': ' KEY ;On-Retry=PASS ' }, { ordered: true, orderOnRetry: 'pass' }],
    [{ 'Ringpost-Key-Rate': ' 10/s ' }, { keyRate: { requests: 10, windowS: 1 } }],
    [{ 'Ringpost-Key-Concurrency': '2' }, { keyConcurrency: 2 }],
    [{ 'Ringpost-Keep': ' Stream' }, { keepsStream: true }],
    [{ 'Ringpost-Affinity': ' Loose' }, { affinity: 'loose' }],
    [{ 'Ringpost-Affinity': 'strict' }, { affinity: 'strict' }],
  ])('are read from %j', (headers, directives) => {
    expect(directivesOf(Object.entries(headers).flat(), now)).toEqual(directives);
  });
});

describe('a field that cannot be parsed is refused, and the problem says what is allowed', () => {
  it.each([
    ['Ringpost-Attempts', '0'],
    ['Ringpost-Attempts', 'three'],
    ['Ringpost-Attempts', '101'],
    ['Ringpost-Key-Concurrency', '0'],
    ['Ringpost-Key-Rate', '10'],
    ['Ringpost-Key-Rate', '0/s'],
    ['Ringpost-Priority', '10'],
    ['Ringpost-Priority', '-1'],
    ['Ringpost-Deadline', '0'],
    ['Ringpost-Deadline', '5s'],
    ['Ringpost-Delay', '-3'],
    ['Ringpost-Delay', '1.5'],
    ['Ringpost-Delay', 'tomorrow'],
    ['Ringpost-Delay', '25 Nov 2026 12:01'],
    ['Ringpost-Delay', 'Wed, 25 Nov 2026 12:01:00 EST'],
    ['Ringpost-Delay', 'Fri, 01 Jan 2027 12:00:00 GMT'],
    ['Ringpost-Delay', '2592001'],
    ['Ringpost-Order', 'tenant'],
    ['Ringpost-Order', ''],
    ['Ringpost-Order', 'key;'],
    ['Ringpost-Order', 'key; on-retry'],
    ['Ringpost-Order', 'key; on-retry=keep'],
    ['Ringpost-Order', 'key; on-retry=pass; on-retry=pass'],
    ['Ringpost-Order', 'key, key'],
    ['Ringpost-Order', 'key on-retry=pass'],
    ['Ringpost-Keep', ''],
    ['Ringpost-Keep', 'yes'],
    ['Ringpost-Keep', 'stream, stream'],
    ['Ringpost-Affinity', ''],
    ['Ringpost-Affinity', 'loose, strict'],
  ])('%s: %s', (name, value) => {
    const read = (): unknown => directivesOf([name, value], now);
    expect(read).toThrow(`${name} is ${JSON.stringify(value)}; it must be `);
  });
});

describe('a field that may occur once', () => {
  it.each([
    'Ringpost-Key',
    'Ringpost-Retry',
    'Ringpost-Attempts',
    'Ringpost-Delay',
    'Ringpost-Priority',
    'Ringpost-Deadline',
    'Ringpost-Order',
    'Ringpost-Affinity',
    'Ringpost-Keep',
    'Ringpost-Callback',
    'Ringpost-Failure-Callback',
  ])('is refused if it occurs twice, even with the same value: %s', (name) => {
    const read = (): unknown => directivesOf([name, '1', 'x-other', '1', name.toLowerCase(), '1'], now);
    expect(read).toThrow('there may be one');
  });

  it('may occur beside any other field', () => {
    const headers = ['ringpost-callback', 'https://a.test/', 'ringpost-failure-callback', 'https://b.test/'];
    expect(directivesOf(headers, now)).toEqual({
      callbacks: { url: 'https://a.test/', failureUrl: 'https://b.test/' },
    });
  });
});

describe('a delay', () => {
  it('must end before the deadline of the request', () => {
    expect(delayFault({ notBefore: now + 999 }, now + 1000)).toBeUndefined();
    expect(delayFault({}, now + 1)).toBeUndefined();
    const fault = delayFault({ notBefore: now + 1000 }, now + 1000);
    expect([fault?.code, fault?.message]).toEqual([
      'request_malformed',
      expect.stringContaining('Ringpost-Delay ends at 2026-11-25T12:00:01.000Z'),
    ]);
  });
});
