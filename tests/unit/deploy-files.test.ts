import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { namesOf } from '#shared/settings/misspelt.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { gatewaySettings } from '../../gateway/settings/settings.ts';
import { loadWorkerConfig, workerSettings } from '../../worker/config.ts';
import { projectFolder } from '../fixtures/command.ts';
import { deployedPods, deployedServices, deployedUnits, manifests, units } from '../fixtures/deploy-files.ts';
import type { DeployedProcess } from '../fixtures/deploy-files.ts';

const processes = [...deployedPods(), ...deployedUnits(), ...deployedServices()];
const isWorker = ({ settings }: DeployedProcess): boolean => 'REPLICA' in settings;

describe.each(processes)('the settings of $name', (deployed) => {
  const { settings, graceS } = deployed;

  it('exist', () => {
    const known = new Set([...namesOf(isWorker(deployed) ? workerSettings : gatewaySettings), 'NODE_ENV']);
    expect(Object.keys(settings).filter((name) => !known.has(name))).toEqual([]);
  });

  it('are valid, and leave the process time to stop', () => {
    const files = Object.keys(settings).filter(
      (name) => name.endsWith('_FILE') && !/^(?:HEALTH|READY)/.test(name),
    );
    const given = Object.fromEntries(Object.entries(settings).filter(([name]) => !files.includes(name)));
    const secrets = { REDIS_URL: 'redis://redis:6379', WORKER_REDIS_URL: 'redis://redis:6379' };
    if (isWorker(deployed)) {
      const { drainTimeoutMs } = loadWorkerConfig({ ...given, ...secrets, REPLICA: 'worker-0' });
      expect(graceS * 1000).toBeGreaterThanOrEqual(drainTimeoutMs + 5000);
      return;
    }
    const { drainTimeoutMs, shutdownDelayMs } = loadGatewayConfig({ ...given, ...secrets });
    expect(graceS * 1000).toBeGreaterThanOrEqual(shutdownDelayMs + drainTimeoutMs + 5000);
  });
});

// A gateway or controller ends at once if Redis is away when it starts. By default, systemd gives up after
// five starts in ten seconds.
it.each([...units])('%s is started again until it runs', (_name, text) => {
  expect(text).toMatch(/^StartLimitIntervalSec=0$/m);
  expect(text).toMatch(/^Restart=always$/m);
});

interface Labelled {
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** The labels of all pods that the files make. */
const podLabels = manifests
  .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
  .map(({ spec }) => (spec as { template: { metadata: { labels: Record<string, string> } } }).template)
  .map(({ metadata }) => metadata.labels);

const selects = (labels: Readonly<Record<string, string>>): number =>
  podLabels.filter((pod) => Object.entries(labels).every(([name, value]) => pod[name] === value)).length;

describe('the Kubernetes files', () => {
  it('select pods that they make: each workload, Service and disruption budget those of one', () => {
    const chosen = manifests.flatMap(({ file, kind, spec }) => {
      const { selector } = (spec ?? {}) as { selector?: Labelled & Record<string, string> };
      if (selector === undefined) return [];
      const labels = kind === 'Service' ? selector : selector.matchLabels;
      return [`${file} ${kind}: ${selects(labels)}`];
    });
    expect(chosen).toHaveLength(7);
    for (const each of chosen) expect(each).toMatch(/: 1$/);
  });

  it('name Secrets, Services and scaled workloads that they have', () => {
    const has = (kind: string, name: string): boolean =>
      manifests.some((each) => each.kind === kind && each.metadata.name === name);
    const text = JSON.stringify(manifests);
    for (const [, name = ''] of text.matchAll(/"secretName":"([^"]+)"/g))
      expect(has('Secret', name)).toBe(true);
    for (const [, name = ''] of text.matchAll(/"serviceName":"([^"]+)"/g))
      expect(has('Service', name)).toBe(true);
    const targets = Array.from(
      text.matchAll(/"scaleTargetRef":\{"apiVersion":"apps\/v1","kind":"(\w+)","name":"(\w+)"/g),
    );
    expect(targets).toHaveLength(3);
    for (const [, kind = '', name = ''] of targets) expect(has(kind, name)).toBe(true);
  });

  it('scale by metrics that exist', () => {
    const documented = readFileSync(join(projectFolder, 'docs', 'metrics.md'), 'utf8');
    const names = JSON.stringify(manifests).match(/\bringpost_\w+/g) ?? [];
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) expect(documented).toContain(`| \`${name}\` |`);
  });

  it('do not give a replica a reserved name', () => {
    const [worker] = manifests.filter(({ kind }) => kind === 'StatefulSet');
    expect(worker?.metadata.name).toBe('worker');
  });
});
