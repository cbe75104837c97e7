import { parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { parseRate, rateText } from '#shared/contract/rate.ts';
import { rateFields } from '../../gateway/limits/rate-fields.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

describe('a rate', () => {
  it.each([
    ['1/s', { requests: 1, windowS: 1 }],
    ['100/s', { requests: 100, windowS: 1 }],
    ['60/m', { requests: 60, windowS: 60 }],
    ['99999/h', { requests: 99_999, windowS: 3600 }],
  ])('is read from %s and written back', (text, rate) => {
    expect(parseRate(text)).toEqual(rate);
    expect(rateText(rate)).toBe(text);
  });

  it.each(['', '0/s', '01/s', '100000/s', '10', '10/', '10/d', '10 / s', '-1/s', '1.5/s', '10/S', '10/s '])(
    'is not read from %j',
    (text) => expect(parseRate(text)).toBeUndefined(),
  );

  it('is a setting that is off by default, and names its form if it is wrong', () => {
    expect(loadGatewayConfig({}).keyRate).toBeUndefined();
    expect(loadGatewayConfig({ KEY_RATE: '5/m' }).keyRate).toEqual({ requests: 5, windowS: 60 });
    expect(() => loadGatewayConfig({ KEY_RATE: '5' })).toThrow(/KEY_RATE is "5".*100\/s/);
  });
});

describe('the fields of an answer', () => {
  const all = { rate: { requests: 100, windowS: 1 }, remaining: 40, resetS: 1, nextS: 0 };
  const own = { rate: { requests: 10, windowS: 60 }, remaining: 0, resetS: 60, nextS: 6 };

  it('say how much each limit allows, and when it allows all again', () => {
    const fields = rateFields({ isAllowed: true, all, own: { ...own, remaining: 1, nextS: 0 } });
    expect(fields).toEqual({
      'RateLimit-Policy': '"key";q=100;w=1, "request";q=10;w=60',
      RateLimit: '"key";r=40;t=1, "request";r=1;t=60',
    });
    expect(() => parseList(fields.RateLimit)).not.toThrow();
  });

  it('say in a refusal when the next request is allowed, as Retry-After does', () => {
    expect(rateFields({ isAllowed: false, all, own })).toEqual({
      'RateLimit-Policy': '"key";q=100;w=1, "request";q=10;w=60',
      RateLimit: '"key";r=40;t=1, "request";r=0;t=6',
      'Retry-After': '6',
    });
  });

  it('name only the limits that there are', () => {
    expect(rateFields({ isAllowed: true, all: undefined, own }).RateLimit).toBe('"request";r=0;t=60');
  });
});
