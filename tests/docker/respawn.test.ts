import { expect, it } from 'vitest';
import { docker, dockerPs, replicaContainers } from '../fixtures/docker-engine.ts';
import { ask, change, rep, untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const three = ['S1', 'S2', 'S3'];
const withinMs = 60_000;
const isNew = /^S\d{6}$/;

/** Waits until `count` replicas serve without `dead`, and `docker ps` shows the same. */
async function untilReplaced(url: string, namespace: string, dead: string, count: number): Promise<string[]> {
  let names: string[] = [];
  await expect
    .poll(
      async () => {
        names = await rep(url);
        return names.length === count && !names.includes(dead);
      },
      { timeout: withinMs, message: dead },
    )
    .toBe(true);
  await expect.poll(() => dockerPs(namespace), { timeout: withinMs }).toEqual(names);
  return names;
}

it('a killed, stopped or removed container is replaced by one with a random name', async () => {
  const { namespace, startController, startGateway } = await system();
  await startController({ RESPAWN: 'new' });
  const { url } = await startGateway();
  await untilRep(url, three, withinMs);
  let names: string[] = three;
  for (const [dead, command] of [
    ['S1', ['kill']],
    ['S2', ['stop']],
    ['S3', ['rm', '--force']],
  ] as const) {
    await docker(...command, dead);
    names = await untilReplaced(url, namespace, dead, 3);
  }
  for (const name of names) expect(name).toMatch(isNew);
  expect(names).toContain(await ask(url, 'key'));
  // The dead containers are removed.
  const all = async (): Promise<string[]> =>
    (await replicaContainers(namespace))
      .flatMap(({ Names }) => Names.map((name) => name.slice(1)))
      .toSorted();
  await expect.poll(all, { timeout: withinMs }).toEqual(names);
});

it('the number of replicas is restored if the leading controller dies together with one', async () => {
  const { namespace, keys, redis, startController, startGateway } = await system();
  const controllers = [await startController({ RESPAWN: 'new' }), await startController({ RESPAWN: 'new' })];
  const { url } = await startGateway();
  await untilRep(url, three, withinMs);
  const leader = (await redis.get(keys.leader)) ?? '';
  const leading = controllers.find((each) => leader.startsWith(each.getHostname()));
  await Promise.all([docker('kill', 'S2'), docker('kill', leading?.getId() ?? '')]);
  const added = change(url, 'add', { n: 1, hostnames: ['S9'] });
  expect((await added).status).toBe(200);
  // If no controller saw S2 end, it is started again under its name.
  await expect.poll(async () => (await rep(url)).length, { timeout: withinMs }).toBe(4);
  const names = await rep(url);
  expect(names).toEqual(expect.arrayContaining(['S1', 'S3', 'S9']));
  expect(names.find((name) => !['S1', 'S3', 'S9'].includes(name))).toMatch(/^S2$|^S\d{6}$/);
  await expect.poll(() => dockerPs(namespace), { timeout: withinMs }).toEqual(names);
});
