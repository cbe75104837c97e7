import { expect, it } from 'vitest';
import { dockerPs, engine } from '../fixtures/docker-engine.ts';
import { ask, ringReport, untilRep } from '../fixtures/docker-http.ts';
import { socketProxy } from '../fixtures/docker-socket-proxy.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const three = ['S1', 'S2', 'S3'];
/** The time in which trouble is reported, and in which everything recovers afterwards. */
const withinMs = 30_000;

async function troubleOf(
  url: string,
): Promise<{ ring: string | null; ready: string | null; status: number }> {
  const response = await fetch(`${url}/-/ready`);
  const { trouble = null } = (await response.json()) as { trouble?: string };
  return { ring: (await ringReport(url)).trouble, ready: trouble, status: response.status };
}

/** Sends requests with many keys and expects 200 for each. @returns the replicas that answered. */
async function serve(url: string, amount: number): Promise<string[]> {
  const replicas = new Set<string>();
  for (let at = 0; at < amount; at += 1) replicas.add(await ask(url, `key-${at}`));
  return [...replicas].toSorted();
}

it.for([
  ['stopped', 'closed'],
  ['hanging', 'stalled'],
] as const)(
  'a %s engine delays no request and is reported; when it is back, everything recovers',
  async ([, state]) => {
    const { startLocal, namespace } = await system();
    const proxy = await socketProxy();
    const { url } = await startLocal({ DOCKER_HOST: proxy.url });
    await untilRep(url, three, withinMs);
    await proxy.become(state);
    await expect
      .poll(() => troubleOf(url), { timeout: withinMs, interval: 100 })
      .toEqual({
        status: 200,
        ready: expect.stringContaining('the Docker engine does not answer'),
        ring: expect.stringContaining('the Docker engine does not answer'),
      });
    expect(await serve(url, 60)).toEqual(three);
    // A replica that dies now cannot be replaced; the others get its keys.
    await engine.getContainer('S2').kill();
    await untilRep(url, ['S1', 'S3'], withinMs);
    expect(await serve(url, 60)).toEqual(['S1', 'S3']);

    await proxy.become('open');
    await untilRep(url, three, withinMs);
    await expect
      .poll(() => troubleOf(url), { timeout: withinMs, interval: 100 })
      .toEqual({ status: 200, ready: null, ring: null });
    expect(await serve(url, 60)).toEqual(three);
    expect(await dockerPs(namespace)).toEqual(three);
  },
);

it('the list of containers makes up for an event stream that falls silent', async () => {
  const { startLocal, namespace, leaseOf } = await system();
  const proxy = await socketProxy();
  const { url } = await startLocal({ DOCKER_HOST: proxy.url });
  await proxy.become('eventsStalled');
  const generation = (await leaseOf('S1'))?.generation ?? 0;
  await engine.getContainer('S1').kill();
  await expect
    .poll(() => leaseOf('S1'), { timeout: withinMs, interval: 20 })
    .toMatchObject({ state: 'ready', generation: generation + 1 });
  await untilRep(url, three, withinMs);
  expect(await dockerPs(namespace)).toEqual(three);
});

it('no step waits forever for an answer of the engine that breaks off', async () => {
  const { startLocal, namespace } = await system();
  const proxy = await socketProxy();
  const { url } = await startLocal({ DOCKER_HOST: proxy.url });
  await proxy.become('cutting');
  await expect
    .poll(() => troubleOf(url), { timeout: withinMs, interval: 100 })
    .toMatchObject({ ready: expect.stringContaining('the Docker engine does not answer') });
  await engine.getContainer('S3').kill();
  await proxy.become('open');
  await expect
    .poll(() => troubleOf(url), { timeout: withinMs, interval: 100 })
    .toEqual({ status: 200, ready: null, ring: null });
  await untilRep(url, three, withinMs);
  expect(await dockerPs(namespace)).toEqual(three);
});
