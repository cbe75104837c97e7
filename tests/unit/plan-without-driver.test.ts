import { expect, it } from 'vitest';
import { plan } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import { desired, lease, observed, settings } from '../fixtures/plan-world.ts';

const world = observed({
  desired: desired('S1', 'S2', 'S3', 'S4', 'S5'),
  leases: new Map([
    ['S1', lease(1)],
    ['S3', lease(1)],
  ]),
  ring: new Map([
    ['S2', 1],
    ['S3', 1],
  ]),
  drained: new Map([['S2', 0]]),
  slowStarts: new Map([['S3', { tenths: 3, since: 0, endsAt: 9 }]]),
  backlog: new Map([
    ['S4', 2],
    ['S6', 0],
    ['S7', 1],
  ]),
  restarts: new Map([['S5', { generation: 1, rolling: false }]]),
  retired: new Map([
    ['S6', 0],
    ['S7', 0],
  ]),
  paused: new Set(['S7']),
  heirs: new Map([['S8', 'S1']]),
  offered: new Set(['S9']),
  instances: [{ name: 'X1', generation: 4, id: 'x', outdated: false }],
});
const lines = (trouble?: string): string[] =>
  plan({ ...world, trouble }, new Map(), new Map(), settings, 5000).steps.map(renderStep);

it('all but the workers is taken care of while the engine does not answer', () => {
  const all = lines();
  const possible = lines('the engine does not answer');
  expect(possible.toSorted()).toEqual([
    'admit S1#1: it is ready',
    'disinherit S8: it or its heir is gone',
    'evict S2: an operator drains it',
    'forget S6: it is removed and holds nothing',
    'offer S4: nobody serves the 2 jobs it holds',
    'restarted S5: its worker is gone',
    'resume S7: it is removed, and finishes what it holds',
    'share S3 10/10: slow start is off',
    'withdraw S9: there is no such replica',
  ]);
  expect(all.filter((line) => !possible.includes(line)).toSorted()).toEqual([
    'kill X1#4: there is no such replica',
    'start S2: no worker runs',
    'start S4: no worker runs',
    'start S5: no worker runs',
  ]);
});
