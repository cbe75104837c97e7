import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { preferenceOf } from '../../gateway/request/prefer.ts';
import { maxFieldBytes } from '../../gateway/request/own-fields.ts';
import { PreferParser } from '../../gateway/request/prefer-parser.ts';
import { directivesOf } from '../../gateway/request/directives.ts';
import { idempotencyKeyOf } from '../../gateway/request/idempotency-key.ts';
import { parsers } from '../fixtures/parsers.ts';

/** A text repeats one of these units between a beginning and an end from `frames`. */
const units = [
  ' ',
  '\t',
  '"',
  '\\',
  '\\"',
  ',',
  ';',
  '=',
  'a',
  'a=',
  '%',
  '%2',
  '[',
  '[]',
  '.',
  '1',
  ':',
  '/',
  '//',
  '@',
];
const pairs = [
  'a&',
  ' ,',
  '"\\',
  '",',
  '= ',
  ';"',
  'a ',
  'a,',
  ' "',
  '1 ',
  '/.',
  '@/',
  'a=b;',
  'x;y="z",',
  ' \t',
];
const frames = [
  ['', ''],
  ['a="', ''],
  ['respond-async', '!'],
  ['', '\u0000'],
  ['[', 'x'],
] as const;

/** The size of the largest text. The head of a request has at most 64 KiB. */
const largest = 64 * 1024;
/** Times below this are too short to compare, in ms. */
const floorMs = 3;

/**
 * @returns the processor time of this thread, in ms. That of the process includes V8's other threads, which
 * collect garbage and compile.
 */
function cpuMs(): number {
  // Linux brings the thread's time up to date only at its ticks, or if the process's time is read.
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function timeMs(parse: (text: string) => unknown, text: string): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 5; repeat += 1) {
    const before = cpuMs();
    try {
      parse(text);
    } catch {
      // Refusing a text counts as parsing it.
    }
    shortest = Math.min(shortest, cpuMs() - before);
    if (shortest < floorMs) break;
  }
  return shortest;
}

/** Each text in the largest size and in a quarter of it. They are made once for all parsers. */
const texts = frames.flatMap(([begin, end]) =>
  [...units, ...pairs].map((unit) => {
    const textOf = (length: number): string =>
      // V8 joins a concatenated string when it is first read. Buffer does that before the measurement.
      Buffer.from(begin + unit.repeat(length / unit.length) + end).toString();
    const name = JSON.stringify([begin, unit, end]);
    return { name, long: textOf(largest), short: textOf(largest / 4) };
  }),
);

/** Measures up to four times before it reports a fault, since code is slow before V8 compiles it. */
function growth(parse: (text: string) => unknown, long: string, short: string): string | undefined {
  let fault: string | undefined;
  for (let repeat = 0; repeat < 4; repeat += 1) {
    fault = growthOnce(parse, long, short);
    if (fault === undefined) break;
  }
  return fault;
}

/** @returns a text if the time grows faster than the size. */
function growthOnce(
  parse: (text: string) => unknown,
  longText: string,
  shortText: string,
): string | undefined {
  // If the long text takes no time, the short one does not either.
  const long = timeMs(parse, longText);
  if (long < floorMs) return undefined;
  const short = timeMs(parse, shortText);
  // Below the floor the time says more about the clock than about the parser.
  return long <= 6 * Math.max(short, floorMs / 4) ? undefined : `${short} ms grow to ${long} ms`;
}

describe("each of ringpost's parsers", () => {
  it.each(Object.entries(parsers))(
    'takes at most six times as long for a text four times as long: %s',
    (_, parse) => {
      const faults: string[] = [];
      for (const { name, long, short } of texts) {
        const fault = growth(parse, long, short);
        if (fault !== undefined) faults.push(`${name}: ${fault}`);
      }
      expect(faults).toEqual([]);
    },
  );
});

describe('a field that ringpost reads', () => {
  const long = 'x'.repeat(maxFieldBytes + 1);
  const keyed = { method: 'GET', target: '/', body: Buffer.alloc(0) };
  const noOwner = () => ({ tenant: undefined, caller: { digest: '', alone: false }, ownKeys: false });

  it.each([
    ['Prefer', () => preferenceOf(['Prefer', long])],
    ['Prefer', () => preferenceOf(['Prefer', long.slice(9), 'Prefer', long.slice(9)])],
    ['Ringpost-Key', () => directivesOf(['Ringpost-Key', long], 0)],
    ['ringpost-attempts', () => directivesOf(['ringpost-attempts', long], 0)],
    ['Idempotency-Key', () => idempotencyKeyOf({ ...keyed, headers: ['Idempotency-Key', long] }, noOwner)],
  ] as const)('is refused with its name and size if it has more than 8 KiB: %s', (name, read) => {
    expect(read).toThrow(new RegExp(`${name} has \\d+ bytes; it may have 8192 at most`));
  });

  it.each([
    ['Ringpost-Key', () => directivesOf(['Ringpost-Key', long.slice(1)], 0)],
    ['Cookie', () => directivesOf(['Cookie', long.repeat(4)], 0)],
    ['Prefer', () => preferenceOf(['Prefer', long.slice(1)])],
  ] as const)(
    'is read if it has 8 KiB, and fields that ringpost does not read may have more: %s',
    (_, read) => {
      expect(read).not.toThrow();
    },
  );
});

describe('Prefer', () => {
  const token = fc.stringMatching(/^[a-z!#$%&'*+.^_`|~0-9-]{1,8}$/);
  const text = fc.stringMatching(/^[ -~]{0,12}$/);
  const space = fc.constantFrom('', ' ', '\t ');
  const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
  const preference = fc.record({
    name: token,
    value: fc.option(
      fc.oneof(
        token.map((value) => [value, value]),
        text.map((value) => [value, quote(value)]),
      ),
    ),
    parameter: fc.option(fc.tuple(token, text)),
    before: space,
    around: space,
  });

  it('is parsed with its names, values, quotes, escapes and parameters', () => {
    fc.assert(
      fc.property(fc.array(preference), (preferences) => {
        const field = preferences
          .map(({ name, value, parameter, before, around }) => {
            const assigned = value === null ? '' : `${around}=${around}${value[1]}`;
            const more = parameter === null ? '' : `; ${parameter[0]}=${quote(parameter[1])}`;
            return before + name + assigned + around + more;
          })
          .join(',');
        const expected = preferences.map(({ name, value }) => [name.toLowerCase(), value?.[0] ?? '']);
        expect(new PreferParser(field).parse()).toEqual(expected);
      }),
    );
  });

  it('is parsed to its end, whatever it contains', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~\t]*$/), (field) => {
        for (const [name] of new PreferParser(field).parse()) expect(name).toMatch(/^[^\s,;="]+$/);
      }),
    );
  });
});
