import { describe, expect, it } from 'vitest';
import { ratiosJson } from '../bench/ratios.ts';
import { report } from '../bench/report/report.ts';
import type { Results } from '../bench/results.ts';
import { fullPlan } from '../bench/run-plan.ts';
import type { Sample } from '../bench/sample.ts';

function sample(system: string, round: number, connections: number, rate: number, p99: number): Sample {
  const load = {
    seconds: 4,
    p50: p99 / 2,
    p90: p99,
    p99,
    max: p99,
    sent: 10,
    answered: 10,
    foreign: 0,
    refused: 0,
    overdue: 0,
    broken: 0,
  };
  const executed = { executions: 10, distinct: 10 };
  return {
    system,
    round,
    connections,
    load,
    matched: load,
    executed,
    matchedExecuted: executed,
    rate,
    cpu: { gateway: 40, worker: 30, store: 20, client: 10 },
    others: 0.05,
    redis: { commands: 9, scripts: 2, reads: 1.5, bytesIn: 300, bytesOut: 200, byName: { evalsha: 2 } },
    faults: [],
  };
}

const samples = [
  sample('ringpost', 1, 64, 9000, 10),
  sample('peer', 1, 64, 3000, 20),
  // The machine is slow for a while, which affects both.
  sample('ringpost', 2, 64, 900, 100),
  sample('peer', 2, 64, 450, 200),
  sample('ringpost', 3, 64, 9000, 10),
  sample('peer', 3, 64, 4500, 40),
];

const results: Results = {
  date: '2026-01-02T03:04:05.000Z',
  quick: false,
  plan: fullPlan,
  machine: {
    processors: 2,
    model: 'a processor',
    memoryMb: 1024,
    system: 'Linux 1',
    versions: { node: '26.0.0' },
    loadBefore: 0.1,
  },
  systems: [
    { name: 'ringpost', title: 'ours', durable: true, settings: 'None.' },
    { name: 'peer', title: 'theirs', durable: false, settings: 'Some.' },
  ],
  samples,
  missing: [],
};

describe('ratios', () => {
  it('are computed within each round, as ours divided by theirs', () =>
    expect(ratiosJson(samples, 'ringpost')).toEqual({ peer: { c64: 2, p99_c64: 0.5 } }));

  it('ignore a round in which one of the two is missing', () =>
    expect(ratiosJson(samples.slice(1), 'ringpost')).toEqual({ peer: { c64: 2, p99_c64: 0.375 } }));
});

describe('the report', () => {
  it('shows medians with their range, ratios and settings', () => {
    const text = report(results, 'ringpost');
    expect(text).toContain('| ringpost | 9000 (900–9000) |');
    expect(text).toContain('| peer | 2 (2–3) | 0.5 (0.25–0.5) |');
    expect(text).toContain('| `peer` | theirs | no | Some. |');
    expect(text).toContain('None was wrong, lost or duplicated.');
    expect(text).toContain('| a gateway | 40 | 25000 |');
  });

  it('names what was wrong, what was left out, and why', () => {
    const [first, ...rest] = samples;
    const text = report(
      {
        ...results,
        samples: [...(first ? [{ ...first, faults: ['2 answers are not 200'] }] : []), ...rest],
        missing: [{ system: 'other', why: 'other-server is not installed: there is no apt-get' }],
      },
      'ringpost',
    );
    expect(text).toContain('- `ringpost`, c=64: 2 answers are not 200');
    expect(text).toContain('- `other`: other-server is not installed: there is no apt-get');
    expect(text).not.toContain('None was wrong');
  });

  it('leaves out each section that has no numbers', () => {
    const text = report({ ...results, samples: [], systems: [] }, 'ringpost');
    expect(text).not.toContain('NaN');
    expect(text.match(/^## .*$/gm)).toEqual(['## How it is measured']);
  });
});
