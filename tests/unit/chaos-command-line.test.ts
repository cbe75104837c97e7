import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../chaos/command-line.ts';
import { families } from '../chaos/scenarios/all.ts';

describe('the command line of the chaos suite', () => {
  it('means all scenarios and one soak by default', () =>
    expect(parseCommandLine([])).toMatchObject({ scenarios: [], families: [], soaks: 1, seconds: 180 }));

  it('selects scenarios and families by name', () =>
    expect(parseCommandLine(['--scenario', 'poison,soak', '--family', 'bad-traffic'])).toMatchObject({
      scenarios: ['poison', 'soak'],
      families: ['bad-traffic'],
    }));

  it('takes settings for all processes', () =>
    expect(parseCommandLine(['--set', 'AFFINITY=loose', '--set', 'HASH_KEY=header:a=b']).settings).toEqual({
      AFFINITY: 'loose',
      HASH_KEY: 'header:a=b',
    }));

  it('takes the folder of another checkout, from wherever it is started', () =>
    expect(parseCommandLine(['--before', 'other']).before).toBe(resolve('other')));

  it.each([
    ['--seconds', 'x'],
    ['--set', 'affinity'],
    ['--soaks', '-1'],
    ['--nonsense', ''],
  ])('refuses %s %s', (name, value) => expect(() => parseCommandLine([name, value])).toThrow(name));
});

it('gives each scenario a name of its own', () => {
  const names = families.flatMap(({ scenarios }) => scenarios.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
});
