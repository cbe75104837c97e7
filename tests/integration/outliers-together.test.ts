import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { RingReplicaView, RingView } from '#shared/contract/ring-view.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const wait = { timeout: 30_000 };
const handler = fileURLToPath(new URL('../fixtures/handlers/outlier.ts', import.meta.url));

const illsFile = (): string => `${workers.ledger()}.ills`;
const setIlls = (ills: Record<string, { status?: number; ms?: number }>): void =>
  writeFileSync(illsFile(), JSON.stringify(ills));

function start(more: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  setIlls({});
  return system().start({
    REPLICAS: '3',
    HANDLER: handler,
    LEDGER: workers.ledger(),
    ILLS: illsFile(),
    LEASE_MS: '900',
    OUTLIER_DETECTION: 'on',
    OUTLIER_BASE_EJECTION_MS: '4000',
    OUTLIER_INTERVAL_MS: '1000',
    OUTLIER_PROBE_PATH: '/probe',
    ...more,
  });
}

const ask = (
  { url }: RunningGateway,
  key: string,
  path: string,
  init: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${url}/${path}`, { ...init, headers: { 'ringpost-key': key, ...init.headers } });

async function shown({ adminUrl }: RunningGateway): Promise<Record<string, RingReplicaView>> {
  const ring = (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
  return Object.fromEntries(ring.replicas.map((replica) => [replica.name, replica]));
}

/** @returns keys of a replica, as many as are asked for. */
function keysOf({ gateway }: RunningGateway, replica: string, count: number): string[] {
  const keys: string[] = [];
  for (let at = 0; keys.length < count; at += 1)
    if (gateway.watcher.ring.owner(`key-${at}`) === replica) keys.push(`key-${at}`);
  return keys;
}

/** Lets S2 fail, while the others answer, until it has left the ring. */
async function ejectS2(running: RunningGateway): Promise<void> {
  const [own, others] = [keysOf(running, 'S2', 2), keysOf(running, 'S1', 1).concat(keysOf(running, 'S3', 1))];
  setIlls({ S2: { status: 500 } });
  const owner = async (): Promise<string | undefined> => {
    await Promise.all([...own, ...others].map((key) => ask(running, key, 'load')));
    return running.gateway.watcher.ring.owner(own[0] ?? '');
  };
  await expect.poll(owner, wait).not.toBe('S2');
  setIlls({});
}

it.each([
  ['KEY_CONCURRENCY', { KEY_CONCURRENCY: '1' }, {}],
  ['Ringpost-Order', {}, { 'ringpost-order': 'key' }],
])('%s holds while the owner of a key is ejected and its successor takes over', async (_, env, headers) => {
  const running = await start({ ...env, OUTLIER_BASE_EJECTION_MS: '20000' });
  const [, , key = ''] = keysOf(running, 'S2', 3);
  setIlls({ S2: { ms: 7000 } });
  const ends: string[] = [];
  const send = async (path: string): Promise<string | null> => {
    const answer = await ask(running, key, path, { method: 'POST', headers });
    ends.push(path);
    return answer.headers.get('ringpost-replica');
  };
  const first = send('first');
  await eventually(async () => (await workers.runs()).some((run) => run.includes('/first')));
  await ejectS2(running);
  expect(ends).toEqual([]);
  const second = send('second');
  expect(await first).toBe('S2');
  expect(await second).not.toBe('S2');
  expect(ends).toEqual(['first', 'second']);
});

it('a replica keeps its weight over an ejection, and returns with a part of it', async () => {
  const running = await start({ SLOW_START_MS: '3000' });
  const weight = await fetch(`${running.adminUrl}/-/api/replicas/S2/weight`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"weight":2}',
  });
  expect(weight.status).toBeLessThan(300);
  await ejectS2(running);
  expect((await shown(running))['S2']).toMatchObject({ inRing: false, weight: 2 });
  const { adminUrl } = running;
  const plan = (await (await fetch(`${adminUrl}/-/api/plan?rm=S1`)).json()) as {
    replicas: { name: string; shareAfter: number }[];
  }; // as the route answers
  expect(plan.replicas.find(({ name }) => name === 'S2')?.shareAfter ?? 0).toBe(0);
  await expect.poll(async () => (await shown(running))['S2']?.inRing, wait).toBe(true);
  const returned = (await shown(running))['S2'];
  expect(returned).toMatchObject({ weight: 2, ejected: null });
  expect(returned?.slowStart?.share).toBeLessThan(1);
});

it('an ejected replica does not sleep before its probe, and those that sleep serve meanwhile', async () => {
  // S1 and S3 fall asleep two to four seconds after their last requests.
  const running = await start({ SLEEP_AFTER_S: '1', OUTLIER_BASE_EJECTION_MS: '10000' });
  await ejectS2(running);
  await expect
    .poll(async () => {
      const { S1, S2, S3 } = await shown(running);
      return [S1?.state, S2?.state, S2?.ejected === null, S3?.state];
    }, wait)
    .toEqual(['asleep', 'ready', false, 'asleep']);
  expect((await ask(running, 'any', 'any')).status).toBe(200);
  // Its probe was a request, so it stays awake for a while after its return.
  const returned = { inRing: true, state: 'ready', ejected: null, generation: 1 };
  await expect.poll(async () => (await shown(running))['S2'], wait).toMatchObject(returned);
  const probes = (await workers.runs()).filter((line) => line.includes('/probe'));
  expect(probes).toEqual(['GET /probe S2 200 outlier']);
});

it('a request that spilled counts at the replica where it ran', async () => {
  const running = await start({ AFFINITY: 'loose', CONCURRENCY: '1', LOAD_BOUND: '1.1' });
  setIlls({ S1: { ms: 500 }, S2: { ms: 500 }, S3: { ms: 500 } });
  const [key = ''] = keysOf(running, 'S2', 1);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(running, key, 'spill')));
  const ranAt = answers.map(({ headers }) => headers.get('ringpost-replica'));
  expect(new Set(ranAt).size).toBeGreaterThan(1);
  for (const name of ['S1', 'S2', 'S3']) {
    const own = ranAt.filter((replica) => replica === name).length;
    await expect.poll(async () => (await leaseOf(system(), name))?.answers?.answered ?? 0, wait).toBe(own);
  }
});
