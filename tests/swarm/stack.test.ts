import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask } from '../fixtures/docker-http.ts';
import { useProxies } from '../fixtures/proxies.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { steadyLoad } from '../fixtures/swarm-load.ts';
import { containersOn, nodeCount, replicasOn, servicesOf } from '../fixtures/swarm-nodes.ts';
import {
  documentedCommands,
  dockerOn,
  ofStack,
  prepareStack,
  removeStack,
  runningTasks,
  stackFolder,
  whyNoStack,
} from '../fixtures/swarm-stack.ts';

const lacks = await whyNoStack();
const scratch = useScratch();
const haproxy = useProxies().find(({ name }) => name === 'HAProxy');
const withinMs = 60_000;
const hosts = Array.from({ length: nodeCount }, (_, at) => `10.157.0.${at + 1}:5000`);
const urls = hosts.map((host) => `http://${host}`);
const names = hosts.map((_, at) => `node${at + 1}`);

/**
 * What the comment in the file says about gateways behind a proxy. The routing mesh needs IPVS, which not
 * every kernel has. The pause between two gateways only makes the test longer.
 */
const behindProxy = {
  'mode: ingress': 'mode: host',
  'replicas: 3\n': 'mode: global\n',
  'order: start-first': 'order: stop-first',
  'delay: 5s': 'delay: 1s',
};

beforeEach(async () => {
  if (lacks === undefined) await prepareStack();
}, 240_000);
afterEach(async () => {
  if (lacks === undefined) await removeStack();
}, 120_000);

interface Answer {
  readonly status: number;
  readonly replicas: readonly string[];
}

/** Calls the admin side of a gateway. */
async function admin(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(`${url}/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { message } = (await response.json()) as { message?: { replicas?: string[] } }; // of the admin side
  return { status: response.status, replicas: (message?.replicas ?? []).toSorted() };
}

it.skipIf(haproxy?.program === undefined)(
  'the stack is deployed, serves, is updated under load and removed as docs/deploy.md says',
  { timeout: 240_000 },
  async ({ skip }) => {
    if (lacks !== undefined) skip(lacks);
    const commands = await documentedCommands();
    const place = await scratch();
    const { shell, secret } = await stackFolder(place.folder, behindProxy);
    const began = performance.now();
    const tell = (what: string): void =>
      console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s after the first command`);

    console.log(await shell(commands.deploy, { TRUSTED_PROXIES: '10.157.0.254' }));
    const token = (await secret('admin-token')).replace('ops:', '');
    const password = await secret('redis', 'admin-password');
    await shell('rm -r docs/deploy/secrets');
    const three = { status: 200, replicas: ['S1', 'S2', 'S3'] };
    for (const url of urls) {
      await expect
        .poll(() => admin(url, token, 'GET', 'rep').catch(String), { timeout: withinMs, interval: 200 })
        .toEqual(three);
      expect(await ask(url, 'any')).toMatch(/^S[123]$/);
      expect((await fetch(`${url}/rep`)).status).toBe(401);
    }
    tell('all gateways serve, with all replicas');
    expect(Object.keys(await replicasOn('ringpost')).length).toBeGreaterThan(1);
    const controllers = await runningTasks('ringpost_controller');
    expect(new Set(controllers.map(({ node }) => node)).size).toBe(2);
    const [first = '', second = ''] = urls;
    const nine = { n: 1, hostnames: ['S9'] };
    const four = { status: 200, replicas: ['S1', 'S2', 'S3', 'S9'] };
    expect(await admin(first, token, 'POST', 'add', nine)).toEqual(four);
    expect(await admin(second, token, 'GET', 'rep')).toEqual(four);
    expect(await admin(second, token, 'DELETE', 'rm', nine)).toEqual(three);
    tell('/add and /rm');

    const proxy = await haproxy?.start(place, hosts);
    const load = steadyLoad(proxy?.url ?? '', 100);
    await shell('docker service update --detach --image ringpost-gateway:next ringpost_gateway');
    await expect
      .poll(async () => (await runningTasks('ringpost_gateway')).map(({ image }) => image), {
        timeout: 90_000,
        interval: 500,
      })
      .toEqual(names.map(() => 'ringpost-gateway:next'));
    for (const url of urls)
      await expect
        .poll(() => fetch(`${url}/-/ready`).then(({ status }) => status, String), { timeout: withinMs })
        .toBe(200);
    const { sent, answers, slowestMs } = await load.stop();
    tell(`all gateways updated (${sent} requests, slowest ${slowestMs} ms, ${JSON.stringify(answers)})`);
    expect(Object.keys(answers).toSorted()).toEqual(['GET 200', 'POST 200']);
    const container = await dockerOn(1, 'ps', '--quiet', '--filter', 'name=ringpost_redis');
    const login = ['redis-cli', '--no-auth-warning', '--user', 'admin', '--pass', password];
    expect(await dockerOn(1, 'exec', container, ...login, 'ACL', 'LOG'), 'what Redis has refused').toBe('');

    console.log(await shell(commands.remove));
    await expect.poll(ofStack, { timeout: withinMs, interval: 200 }).toEqual([]);
    tell('removed');
    // No controller was left that started the replicas again.
    expect(await servicesOf('ringpost')).toEqual([]);
    expect(await containersOn(1, 'ringpost')).toEqual([]);
    await expect
      .poll(() => dockerOn(1, 'volume', 'rm', 'ringpost_redis-data'), { timeout: withinMs })
      .toBe('ringpost_redis-data');
  },
);
