import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FailedTokens } from '../../gateway/admin/failed-tokens.ts';
import { Metrics } from '../../gateway/metrics/metrics.ts';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

it('docs/metrics.md lists each metric of a gateway once, with its labels', async () => {
  const metrics = new Metrics();
  metrics.observe({ waitingCount: 0, unclaimedCount: 0 }, { ring: { members: [] }, state: { version: 0 } });
  const zero = (): number => 0;
  metrics.observeClients({ heldBytes: zero, slowClients: zero, refusedConnections: zero });
  metrics.observeAccessLog(zero);
  const failed = new FailedTokens(metrics.registry);
  metrics.dispatched(200, undefined, 1, undefined);
  metrics.called('admin', '200');
  const registered = (await metrics.registry.getMetricsAsJSON())
    .filter(({ name }) => name.startsWith('ringpost_'))
    .map(({ name, values }) => {
      const labels = Object.keys(values[0]?.labels ?? {}).filter((label) => label !== 'le');
      return `${name} ${labels.join(' ')}`.trim();
    });
  const listed = Array.from(page.matchAll(/^\| `(\w+)` \| (.*?) ?\|/gm), ([, name = '', labels = '']) =>
    `${name} ${labels.replaceAll(/[`,]/g, '')}`.trim(),
  );
  expect(listed.toSorted()).toEqual(registered.toSorted());
  failed.stop();
});
