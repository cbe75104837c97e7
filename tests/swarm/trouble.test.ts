import { expect, it } from 'vitest';
import { ask, ringReport, untilRep } from '../fixtures/docker-http.ts';
import { engineOf, replicasOn, servicesOf } from '../fixtures/swarm-nodes.ts';
import { useSwarmSystem } from '../fixtures/swarm-system.ts';

const system = useSwarmSystem();
const withinMs = 60_000;

async function reasonOf(url: string, replica: string): Promise<string> {
  const { replicas } = await ringReport(url);
  return replicas.find(({ name }) => name === replica)?.reason ?? '';
}

it.for([
  ['a missing image', { WORKER_IMAGE: 'ringpost-test-nowhere:1' }, 'No such image: ringpost-test-nowhere:1'],
  [
    'no suitable node',
    { SWARM_CONSTRAINTS: 'node.labels.disk==fast' },
    /^could not be started: no suitable node/,
  ],
  ['a missing network', { DOCKER_NETWORK: 'nowhere' }, /network nowhere not found/],
  [
    'a mount that the node does not have',
    { WORKER_MOUNTS: '/no/where:/x' },
    /\/no\/where \(on node node\d\)/,
  ],
] as const)('%s is reported with the reason', async ([, env, reason]) => {
  const { startController, startGateway, namespace } = await system();
  await startController({ REPLICAS: '1', ...env });
  const { url } = await startGateway({ READY_AFTER_MS: '1000' });
  await expect
    .poll(() => reasonOf(url, 'S1'), { timeout: withinMs, interval: 200 })
    .toMatch(reason instanceof RegExp ? reason : `could not be started: ${reason}`);
  await expect
    .poll(async () => (await servicesOf(namespace)).length, { timeout: withinMs, interval: 200 })
    .toBeLessThan(2);
});

it('an image that only some nodes have is reported with the node, until all have it', async () => {
  const { startController, startGateway } = await system();
  const image = 'ringpost-test-elsewhere:1';
  const engine = engineOf(1);
  const source = await engine.getImage('ringpost-test-worker:latest').inspect();
  // The manager alone has this image.
  const container = await engine.createContainer({ Image: source.Id });
  await container.commit({ repo: 'ringpost-test-elsewhere', tag: '1', changes: 'LABEL other=yes' });
  await container.remove();
  try {
    await startController({ REPLICAS: '1', WORKER_IMAGE: image, SWARM_CONSTRAINTS: 'node.hostname==node2' });
    const { url } = await startGateway({ READY_AFTER_MS: '1000' });
    await expect
      .poll(() => reasonOf(url, 'S1'), { timeout: withinMs, interval: 200 })
      .toBe(`could not be started: No such image: ${image} (on node node2)`);
  } finally {
    await engine.getImage(image).remove({ force: true });
  }
});

it('another controller takes the replicas over, restarts none, and replaces one that dies', async () => {
  const { startController, startGateway, namespace, leaseOf } = await system();
  const first = await startController({ REPLICAS: '2' });
  await startController({ REPLICAS: '2' });
  const { url } = await startGateway();
  await untilRep(url, ['S1', 'S2'], withinMs);
  const before = (await servicesOf(namespace)).map(({ ID }) => ID).toSorted();
  first.kill('SIGKILL');
  await first.exited;
  await expect.poll(async () => (await ringReport(url)).leader, { timeout: withinMs }).not.toBeNull();
  for (let at = 0; at < 20; at += 1) await ask(url, `key-${at}`);
  expect((await servicesOf(namespace)).map(({ ID }) => ID).toSorted()).toEqual(before);

  const on = await replicasOn(namespace);
  const node = Number(Object.keys(on)[0]?.replace('node', ''));
  const name = Object.values(on)[0]?.[0] ?? '';
  const [found] = await engineOf(node).listContainers({
    filters: { label: [`ringpost.namespace=${namespace}`, `ringpost.replica=${name}`] },
  });
  const killed = performance.now();
  await engineOf(node)
    .getContainer(found?.Id ?? '')
    .kill();
  await expect
    .poll(() => leaseOf(name), { timeout: withinMs, interval: 20 })
    .toMatchObject({ state: 'ready', generation: 2 });
  console.log(`docker kill on a node to ready again: ${Math.round(performance.now() - killed)} ms`);
  // The service of the dead worker is removed once all controllers have seen it.
  await expect
    .poll(async () => (await servicesOf(namespace)).map(({ Spec }) => Spec.Name).toSorted(), {
      timeout: withinMs,
      interval: 200,
    })
    .toEqual([`${namespace}-S1-g${name === 'S1' ? 2 : 1}`, `${namespace}-S2-g${name === 'S2' ? 2 : 1}`]);
});

it('replicas in an overlay network reach Redis beyond it', async () => {
  const { startController, startGateway, namespace } = await system();
  const network = await engineOf(1).createNetwork({ Name: namespace, Driver: 'overlay' });
  try {
    const controller = await startController({ REPLICAS: '2', DOCKER_NETWORK: namespace });
    const { url } = await startGateway();
    await untilRep(url, ['S1', 'S2'], withinMs);
    await ask(url, 'any');
    controller.kill('SIGKILL');
    for (const { ID } of await servicesOf(namespace)) await engineOf(1).getService(ID).remove();
  } finally {
    await expect
      .poll(() => network.remove().then(() => 'removed', String), { timeout: withinMs, interval: 500 })
      .toBe('removed');
  }
});
