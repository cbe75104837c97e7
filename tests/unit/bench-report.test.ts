import { describe, expect, it } from 'vitest';
import { ratiosJson } from '../bench/ratios.ts';
import { report } from '../bench/report/report.ts';
import { benchResults, benchSample as sample } from '../fixtures/bench-results.ts';

const samples = [
  sample('ringpost', 1, 64, 9000, 10),
  sample('peer', 1, 64, 3000, 20),
  // The machine is slow for a while, which affects both.
  sample('ringpost', 2, 64, 900, 100),
  sample('peer', 2, 64, 450, 200),
  sample('ringpost', 3, 64, 9000, 10),
  sample('peer', 3, 64, 4500, 40),
];

const results = benchResults(samples);

describe('ratios', () => {
  it('are computed within each round, as ours divided by theirs', () =>
    expect(ratiosJson(samples, 'ringpost')).toEqual({ get: { peer: { c64: 2, p99_c64: 0.5 } } }));

  it('ignore a round in which one of the two is missing', () =>
    expect(ratiosJson(samples.slice(1), 'ringpost')).toEqual({ get: { peer: { c64: 2, p99_c64: 0.375 } } }));
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

  it('shows GET and POST in every section, POST first, and says first where ringpost is slower', () => {
    const posts = [
      sample('ringpost', 1, 64, 4000, 20, 'post'),
      sample('peer', 1, 64, 5000, 10, 'post'),
      sample('ringpost', 1, 16, 100, 400, 'post-256k'),
      sample('peer', 1, 16, 200, 300, 'post-256k'),
    ];
    const text = report({ ...results, samples: [...samples, ...posts] }, 'ringpost');
    expect(text.match(/^## .*$/gm)?.[0]).toBe('## Where ringpost is slower');
    expect(text).toContain('| POST, 1 KB of JSON | 64 | none | peer 0.80 |');
    expect(text).toContain('| peer | 16 |  |  | 0.5 (0.5–0.5) |');
    expect(text.match(/^### .*$/gm)?.slice(0, 4)).toEqual([
      '### POST, 1 KB of JSON',
      '### empty GET',
      '### POST, 1 KB of JSON',
      '### empty GET',
    ]);
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
    expect(text).toContain('- `ringpost`, get, c=64: 2 answers are not 200');
    expect(text).toContain('- `other`: other-server is not installed: there is no apt-get');
    expect(text).not.toContain('None was wrong');
  });

  it('leaves out each section that has no numbers', () => {
    const text = report({ ...results, samples: [], systems: [] }, 'ringpost');
    expect(text).not.toContain('NaN');
    expect(text.match(/^## .*$/gm)).toEqual(['## How it is measured']);
  });
});
