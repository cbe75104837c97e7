import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../bench/command-line.ts';
import { fullPlan, quickPlan, tightPlan } from '../bench/run-plan.ts';

describe('the command line of the bench', () => {
  it('means a full run of all systems by default', () =>
    expect(parseCommandLine([])).toMatchObject({ plan: fullPlan, only: [], quick: false, growth: false }));

  it('takes --quick together with parts of a plan', () =>
    expect(
      parseCommandLine(['--quick', '--connections', '1,64', '--only', 'ringpost,nginx', '--rounds', '1']),
    ).toMatchObject({
      plan: { ...quickPlan, rounds: 1, connections: [1, 64] },
      only: ['ringpost', 'nginx'],
    }));

  it('takes other requests, and two checkouts', () =>
    expect(parseCommandLine(['--tight', '--requests', 'post-16k', '--before', '../a'])).toMatchObject({
      plan: { ...tightPlan, requests: ['post-16k'], bodies: [] },
      before: '../a',
    }));

  it.each([
    ['--requests', 'put'],
    ['--rounds', '0'],
    ['--seconds', 'x'],
    ['--connections', '1,,2'],
    ['--nonsense', ''],
  ])('refuses %s %s', (name, value) => expect(() => parseCommandLine([name, value])).toThrow(name));
});

it('has at least five rounds in a full run', () => expect(fullPlan.rounds).toBeGreaterThanOrEqual(5));
