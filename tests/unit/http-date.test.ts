import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseHttpDate } from '#shared/contract/http-date.ts';

const now = Date.UTC(2026, 10, 25, 12);
const sample = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('an HTTP-date', () => {
  it.each([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT', sample],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT', sample],
    ['asctime', 'Sun Nov  6 08:49:37 1994', sample],
    ['asctime with a day of two digits', 'Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
    ['spaces around it', '\t Sun, 06 Nov 1994 08:49:37 GMT ', sample],
    ['a leap second', 'Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    ['the 29th of February', 'Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['a year below 100', 'Sun, 06 Nov 0094 08:49:37 GMT', Date.parse('0094-11-06T08:49:37Z')],
  ])('is parsed as GMT: %s', (_, text, expected) => {
    expect(parseHttpDate(text, now)).toBe(expected);
  });

  it.each(['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'])(
    'is parsed in %s',
    (month) => {
      const expected = Date.parse(`06 ${month} 1994 08:49:37 GMT`);
      expect(parseHttpDate(`Sun, 06 ${month} 1994 08:49:37 GMT`, now)).toBe(expected);
      expect(parseHttpDate(`Sunday, 06-${month}-94 08:49:37 GMT`, now)).toBe(expected);
      expect(parseHttpDate(`Sun ${month}  6 08:49:37 1994`, now)).toBe(expected);
    },
  );

  it('does not exist on day 0 of a month', () => {
    expect(parseHttpDate('Sun, 00 Nov 1994 08:49:37 GMT', now)).toBeUndefined();
  });

  it.each([
    ['26', 2026],
    ['27', 2027],
    ['00', 2000],
    ['76', 2076],
    ['77', 1977],
    ['99', 1999],
  ])('with the year %s means %i, which is at most 50 years from now', (digits, year) => {
    expect(parseHttpDate(`Monday, 02-Nov-${digits} 00:00:00 GMT`, now)).toBe(Date.UTC(year, 10, 2));
  });

  it('with a two-digit year counts the 50 years to the second, and into the next century', () => {
    const half = (text: string): number | undefined => parseHttpDate(`Wednesday, 25-Nov-76 ${text} GMT`, now);
    expect(half('12:00:00')).toBe(Date.UTC(2076, 10, 25, 12));
    expect(half('12:00:01')).toBe(Date.UTC(1976, 10, 25, 12, 0, 1));
    const late = Date.UTC(2099, 11, 31);
    expect(parseHttpDate('Saturday, 01-Jan-00 00:00:00 GMT', late)).toBe(Date.UTC(2100, 0, 1));
  });

  it.each([
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Thu, 29 Feb 2023 00:00:00 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sun Nov 06 08:49:37 1994 GMT',
    'Sun Nov 6 08:49:37 1994',
    '06 Nov 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
    'tomorrow',
    '',
  ])('is not %j', (text) => {
    expect(parseHttpDate(text, now)).toBeUndefined();
  });

  it.each(['America/New_York', 'Pacific/Kiritimati'])('means the same time in the time zone %s', (zone) => {
    const texts = [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
    ];
    const module = new URL('../../shared/contract/http-date.ts', import.meta.url).href;
    const source = `
      const { parseHttpDate } = await import(${JSON.stringify(module)});
      const offset = new Date(0).getTimezoneOffset();
      const times = ${JSON.stringify(texts)}.map((each) => parseHttpDate(each, ${now}));
      console.log(JSON.stringify({ offset, times }));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', source], {
      env: { ...process.env, TZ: zone },
      encoding: 'utf8',
    });
    const { offset, times } = JSON.parse(output) as { offset: number; times: number[] };
    expect(offset).not.toBe(0);
    expect(times).toEqual([sample, sample, sample]);
  });
});
