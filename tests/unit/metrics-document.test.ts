import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import { deathReasons, redeliveryCauses } from '#shared/contract/cluster-counts.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { createRing, defaultParameters, placeMember } from '#shared/ring/strategies.ts';
import { FailedTokens } from '../../gateway/admin/failed-tokens.ts';
import type { ClusterFigures } from '../../gateway/metrics/cluster-figures.ts';
import { Metrics } from '../../gateway/metrics/metrics.ts';
import { StreamCounts } from '../../gateway/streams/stream-counts.ts';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

const parameters = defaultParameters('murmur3');
const ring = createRing(parameters, [placeMember(parameters, [], { name: 'S1', joined: 1, weight: 1 })]);
const watcher = { ring, state: { version: 0, ejections: new Map() }, isServed: () => true };
const depths = {
  waiting: 0,
  active: 0,
  streams: 0,
  delayed: 0,
  prioritized: 0,
  oldestAt: undefined,
  leaseMs: 1,
};
const own = { name: 'g', version: '1.0.0', host: 'h', pid: 1, since: 0, at: 0 };
const numbers = { rssBytes: 1, heapBytes: 1, eventLoopLagMs: 1 };
const status: ReplicaStatus = { state: 'ready', since: 0, generation: 1, failures: 0 };
const autoscale: AutoscaleView = {
  configured: true,
  enabled: true,
  range: { min: 2, max: 20 },
  stopped: null,
  decision: { at: 0, wanted: 2, replicas: 2, reason: 'It is enough.', hot: [] },
  change: null,
};
const figures: ClusterFigures = {
  at: 0,
  replicas: ['S1'],
  depths: new Map([['S1', { ...depths, paused: false }]]),
  workers: new Map([['S1', { ...own, ...numbers }]]),
  status: { of: () => status, trouble: undefined },
  autoscale,
  reports: [{ ...own, ...numbers, role: 'both', address: null, inFlight: 0, heldBytes: 0, counts: {} }],
  leader: 'g',
  counts: new Map(),
  deadLetters: 0,
  callbacks: { waiting: 0, active: 0, delayed: 0 },
};

it('docs/metrics.md lists each metric of a gateway once, with its labels', async () => {
  const metrics = new Metrics();
  metrics.observe({ waitingCount: 0, unclaimedCount: 0 }, watcher, () => Promise.resolve(figures));
  const zero = (): number => 0;
  metrics.observeClients({ heldBytes: zero, slowClients: zero, refusedConnections: zero });
  metrics.observeLimits(zero);
  metrics.observeAccessLog(zero);
  metrics.observeLoads({ known: () => new Map([['S1', 1]]) });
  const counts = new StreamCounts();
  counts.abort('client');
  metrics.observeStreams({ size: 0, counts }, { readers: 0 });
  const failed = new FailedTokens(metrics.registry);
  const outcome = { id: 'r', replica: 'S2', spilledFrom: 'S1' };
  const notes = {
    target: '/',
    request: undefined,
    outcome,
    bodyBytes: 0,
    aborted: undefined,
    trace: undefined,
  };
  metrics.dispatched(200, undefined, 1, notes);
  metrics.called('admin', '200');
  const registered = (await metrics.registry.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith('ringpost_'))
    .map(({ name, values }) => {
      const labels = Object.keys(values[0]?.labels ?? {}).filter((label) => label !== 'le');
      return `${name} ${labels.join(' ')}`.trim();
    });
  const listed = Array.from(
    page.matchAll(/^\| `(ringpost_\w+)` \| (.*?) ?\|/gm),
    ([, name = '', labels = '']) => `${name} ${labels.replaceAll(/[`,]/g, '')}`.trim(),
  );
  expect(listed.toSorted()).toEqual(registered.toSorted());
  failed.stop();
});

it.each([
  ['cause', redeliveryCauses],
  ['reason', deathReasons],
] as const)('docs/metrics.md explains each %s', (title, names) => {
  const [, table = ''] = page.split(new RegExp(`^\\| \`${title}\` of .*$`, 'm'));
  const [rows = ''] = table.trim().split('\n\n');
  expect(Array.from(rows.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name)).toEqual([...names]);
});
