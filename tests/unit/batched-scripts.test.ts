import { describe, expect, it } from 'vitest';
import { includeInto, luaFunction, provenBullMq } from '#shared/store/scripts/compose.ts';
import { tickScript } from '#shared/store/queue/tick.ts';

describe('tickScript', () => {
  it('contains the scripts of the installed BullMQ, which is the tested version', () => {
    const script = tickScript();
    expect(script).toHaveProperty('lua');
    for (const name of ['moveToActive', 'moveToFinished']) {
      expect(Object.values(script)[0]).toContain(`local function ${name}(KEYS, ARGV)`);
    }
  });

  it('is not made for another version, and gives the reason', () => {
    expect(tickScript(() => ({ version: '6.8.0' }))).toEqual({
      fault: `BullMQ is 6.8.0, but only ${provenBullMq} is proven`,
    });
  });
});

describe('includeInto', () => {
  it('puts functions at the line that the script marks, whatever they contain', () => {
    const lua = includeInto('-- INCLUDE\nreturn one(KEYS, ARGV)', [luaFunction('one', "return '$&'")]);
    expect(lua).toBe("local function one(KEYS, ARGV)\nreturn '$&'\nend\n\nreturn one(KEYS, ARGV)");
  });

  it('refuses a script without such a line', () => {
    expect(() => includeInto('return 1', [])).toThrow('no line -- INCLUDE');
  });
});
