import { randomBytes } from 'node:crypto';
import { expect, inject, it, onTestFinished } from 'vitest';
import { docker, dockerPs, inspect, replicaContainers, watchReplicas } from '../fixtures/docker-engine.ts';
import { ask, change, ringReport, untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const withinMs = 60_000;

/** Makes an image and removes it after the test. @param changes arguments of `docker commit --change`. */
async function derive(from: string, changes: readonly string[]): Promise<string> {
  const image = `ringpost-test-derived:${randomBytes(4).toString('hex')}`;
  const id = await docker('create', from);
  await docker('commit', ...changes.flatMap((each) => ['--change', each]), id, image);
  await docker('rm', '-v', id);
  onTestFinished(() => docker('rmi', '-f', image).then(() => undefined));
  return image;
}

const exitsAtOnce = (): Promise<string> =>
  derive(inject('workerImage'), ['ENTRYPOINT ["bash","-c","exit 3"]', 'CMD []']);

it('a missing image is reported with the reason, and tried less and less often', async () => {
  const { spawnLocal } = await system();
  const command = spawnLocal({ WORKER_IMAGE: 'ringpost-test-nowhere:1', START_TIMEOUT_MS: '5000' });
  const line = await command.line(/^ringpost listens on/);
  const url = /http:\S+\d/.exec(line)?.[0] ?? '';
  expect(line).toContain('none');
  await expect
    .poll(async () => (await ringReport(url)).replicas, { timeout: withinMs, interval: 200 })
    .toEqual(
      ['S1', 'S2', 'S3'].map((name) =>
        expect.objectContaining({
          name,
          inRing: false,
          failures: 4,
          reason: 'could not be started: No such image: ringpost-test-nowhere:1',
        }),
      ),
    );
  // Pauses of 0, 1, 2 and 4 s: the fifth try comes after 7 s at the earliest.
  expect(command.stderr().match(/start failed/g)?.length).toBe(12);
  expect((await fetch(`${url}/home`)).status).toBe(503);
});

it('an image that exits at once is reported, and its starts back off', async () => {
  const { spawnLocal, namespace } = await system();
  const watch = await watchReplicas(namespace);
  onTestFinished(() => watch.stop());
  const image = await exitsAtOnce();
  const command = spawnLocal({ WORKER_IMAGE: image, REPLICAS: '1', START_TIMEOUT_MS: '5000' });
  const url = /http:\S+\d/.exec(await command.line(/^ringpost listens on/))?.[0] ?? '';
  await expect
    .poll(async () => (await ringReport(url)).replicas, { timeout: withinMs, interval: 100 })
    .toMatchObject([{ name: 'S1', inRing: false, failures: 4, reason: 'exited with code 3' }]);
  expect(watch.seen.filter((each) => each.startsWith('start'))).toEqual(
    [1, 2, 3, 4].map((g) => `start S1#${g}`),
  );
  // Containers that have ended are removed.
  await expect.poll(() => replicaContainers(namespace), { timeout: withinMs }).toEqual([]);
});

it.for(['does not exist', 'exits at once'])(
  'replicas continue to serve if their new image %s',
  async (what) => {
    const { startController, startGateway, namespace, leaseOf } = await system();
    const watch = await watchReplicas(namespace);
    onTestFinished(() => watch.stop());
    const first = await startController({ REPLICAS: '2' });
    const { url } = await startGateway();
    await untilRep(url, ['S1', 'S2'], withinMs);
    const before = await Promise.all(['S1', 'S2'].map(leaseOf));
    const ids = (await replicaContainers(namespace)).map(({ Id }) => Id).toSorted();

    const image = what === 'exits at once' ? await exitsAtOnce() : 'ringpost-test-nowhere:1';
    await first.stop({ remove: false, timeout: 20_000 });
    await startController({ WORKER_IMAGE: image });
    const reason = what === 'exits at once' ? 'exited with code 3' : 'No such image: ringpost-test-nowhere:1';
    await expect
      .poll(async () => (await ringReport(url)).trouble, { timeout: withinMs, interval: 100 })
      .toContain(`S1 could not be rolled out: ${reason}`);
    await expect
      .poll(async () => (await ringReport(url)).trouble, { timeout: withinMs, interval: 100 })
      .toContain('4 times');
    for (let at = 0; at < 50; at += 1) await ask(url, `key-${at}`);
    expect(await Promise.all(['S1', 'S2'].map(leaseOf))).toMatchObject(
      before.map((lease) => ({ state: 'ready', generation: lease?.generation })),
    );
    expect(await dockerPs(namespace)).toEqual(['S1', 'S2']);
    const running = (await replicaContainers(namespace)).filter(({ State }) => State === 'running');
    expect(running.map(({ Id }) => Id).toSorted()).toEqual(ids);
    // S1 and S2 once each. If the image exists, also four tries to roll out S1.
    expect(watch.seen.filter((each) => each.startsWith('start')).length).toBe(
      what === 'exits at once' ? 6 : 2,
    );
  },
);

it('a new image replaces the replicas one at a time, under their names, while they serve', async () => {
  const { startController, startGateway, namespace } = await system();
  const first = await startController();
  const { url } = await startGateway();
  await untilRep(url, ['S1', 'S2', 'S3'], withinMs);
  const image = await derive(inject('workerImage'), ['LABEL version=2']);
  await first.stop({ remove: false, timeout: 20_000 });
  const watch = await watchReplicas(namespace);
  onTestFinished(() => watch.stop());
  await startController({ WORKER_IMAGE: image });
  let served = 0;
  const done = new AbortController();
  const serving = (async () => {
    for (; !done.signal.aborted; served += 1) await ask(url, `key-${served}`);
  })();
  const names = ['S1', 'S2', 'S3'];
  await expect
    .poll(
      async () => {
        const containers = await replicaContainers(namespace);
        return containers.map(({ Names, Image }) => `${Names.join(' ')} ${Image}`).toSorted();
      },
      { timeout: withinMs, interval: 100 },
    )
    .toEqual(names.map((name) => `/${name} ${image}`));
  done.abort();
  await serving;
  expect(served).toBeGreaterThan(20);
  // Each new container starts before the old one ends, and before the next rollout begins.
  expect(watch.seen).toEqual(names.flatMap((name) => [`start ${name}#2`, `die ${name}#1`]));
  for (const name of names) expect((await inspect(name)).Config.Hostname).toBe(name);
  expect((await change(url, 'rm', { n: 1, hostnames: ['S2'] })).status).toBe(200);
  await expect.poll(() => dockerPs(namespace), { timeout: withinMs }).toEqual(['S1', 'S3']);
});
