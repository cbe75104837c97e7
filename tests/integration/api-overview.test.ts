import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { OverviewView, SamplesView } from '#shared/contract/api/overview.ts';
import type { ApiReplicasView } from '#shared/contract/api/replicas.ts';
import type { ApiKeyView, GatewaysView, HotKeysView, SettingsView } from '#shared/contract/api/system.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const slow = { timeout: 30_000, interval: 100 };
const crashing = fileURLToPath(new URL('../fixtures/handlers/crashing.ts', import.meta.url));

async function ask<View>(url: string, path: string, token?: string): Promise<View> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/-/api/${path}`, { headers });
  expect(response.status, path).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return (await response.json()) as View; // the gateway's own document describes it
}

it('shows the system, its replicas, its gateways and what they have answered', async () => {
  const { url } = await system().start({ REPLICAS: '2' });
  await ask<HotKeysView>(url, 'hot-keys');
  for (let at = 0; at < 20; at += 1) await fetch(`${url}/home`, { headers: { 'ringpost-key': 'tenant-7' } });
  const overview = await expect
    .poll(() => ask<OverviewView>(url, 'overview'), slow)
    .toMatchObject({ sample: { requestsPerS: expect.any(Number) } })
    .then(() => ask<OverviewView>(url, 'overview'));
  expect(overview).toMatchObject({
    namespace: system().namespace,
    ring: { strategy: 'murmur3', leader: expect.stringContaining('#'), trouble: null },
    totals: { waiting: 0, active: 0, streams: 0, delayed: 0, deadLetters: 0, callbacks: 0, gateways: 1 },
    retired: [],
  });
  expect(overview.troubles.filter(({ code }) => code !== 'redis_not_persistent')).toEqual([]);
  const [first, second] = overview.replicas;
  expect((first?.share ?? 0) + (second?.share ?? 0)).toBeCloseTo(1, 9);
  expect(first).toMatchObject({
    name: 'S1',
    state: 'ready',
    inRing: true,
    oldestMs: null,
    leaseMs: expect.any(Number),
    hold: null,
  });
  await expect
    .poll(async () => (await ask<ApiReplicasView>(url, 'replicas')).replicas[0]?.worker, slow)
    .toMatchObject({ version: overview.version, pid: expect.any(Number), rssBytes: expect.any(Number) });

  const { gateways } = await ask<GatewaysView>(url, 'gateways');
  expect(gateways).toMatchObject([
    { name: overview.gateway, role: 'both', leads: true, address: url, pid: process.pid },
  ]);

  const hot = await ask<HotKeysView>(url, 'hot-keys');
  expect(hot.keys).toMatchObject([{ key: 'tenant-7', count: 20, share: 1 }]);
  const key = await ask<ApiKeyView>(url, 'key?key=tenant-7');
  expect(key).toMatchObject({ key: 'tenant-7', owner: hot.keys[0]?.owner, line: null, hot: { count: 20 } });
  expect(key.digest).toBe(hot.keys[0]?.digest);

  await expect
    .poll(async () => {
      const { everyMs, samples } = await ask<SamplesView>(url, 'samples');
      expect(everyMs).toBe(2000);
      return samples.some(({ requestsPerS, totalMs }) => requestsPerS > 0 && (totalMs?.p50 ?? 0) > 0);
    }, slow)
    .toBe(true);
});

it('shows one replica, and answers 404 for an unknown one and 400 without a key', async () => {
  const { url } = await system().start({ REPLICAS: '1', ROLE: 'gateway' });
  const unknown = await fetch(`${url}/-/api/replicas/S9`);
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ code: 'not_found' });
  const without = await fetch(`${url}/-/api/key`);
  expect(without.status).toBe(400);
  const overview = await ask<OverviewView>(url, 'overview');
  expect(overview.troubles.map(({ code }) => code)).toEqual(
    expect.arrayContaining(['no_leader', 'no_replicas']),
  );
  expect(await ask<ApiKeyView>(url, 'key?key=a')).toMatchObject({ owner: null, successors: [], hot: null });
});

it('shows the settings with their sources, and no secret', async () => {
  const token = 'hunter22hunter22';
  const { url } = await system().start({ REPLICAS: '1', ROLE: 'gateway', ADMIN_TOKEN: token });
  const { settings } = await ask<SettingsView>(url, 'settings', token);
  expect(settings.find(({ name }) => name === 'REPLICAS')).toMatchObject({
    value: '1',
    source: 'environment',
  });
  expect(settings.find(({ name }) => name === 'ADMIN_TOKEN')).toMatchObject({ value: null, secret: true });
  expect(JSON.stringify(settings)).not.toContain(token);
});

it('says what is wrong with a replica, to an admin with the reason, to a viewer without', async () => {
  const admin = 'admin-token-of-this-test';
  const viewer = 'view-token-of-this-test';
  const { url } = await system().start({
    REPLICAS: '1',
    HANDLER: crashing,
    ADMIN_TOKEN: admin,
    VIEW_TOKEN: viewer,
  });
  // A POST is not run again, so that the worker crashes once.
  await fetch(`${url}/crash`, { method: 'POST' }).catch(() => undefined);
  const lost = async (token: string) => {
    const { replicas } = await ask<ApiReplicasView>(url, 'replicas', token);
    return replicas[0]?.crash ?? null;
  };
  // The worker and its driver each note what they know.
  await expect
    .poll(() => lost(admin), slow)
    .toMatchObject({ reason: expect.any(String), stderr: expect.any(Array) });
  const shown = await lost(viewer);
  expect(shown).toMatchObject({ generation: expect.any(Number) });
  for (const field of ['reason', 'stderr', 'requests']) expect(shown).not.toHaveProperty(field);
  for (const path of ['overview', 'samples', 'gateways', 'settings', 'hot-keys', 'key?key=a'])
    await ask(url, path, viewer);
  const hot = await ask<HotKeysView>(url, 'hot-keys', viewer);
  expect(hot.keys.every(({ key }) => key === null)).toBe(true);
  expect((await fetch(`${url}/-/api/overview`)).status).toBe(401);
});
