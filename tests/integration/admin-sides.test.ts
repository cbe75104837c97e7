import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { add, call, desiredOf, remove, successful } from '../fixtures/admin-calls.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const alone = { REPLICA_DRIVER: 'none', ROLE: 'gateway' };

/** The headers of a page whose host name was rebound to this machine. */
const foreign = { host: 'evil.test', origin: 'http://evil.test', 'content-type': 'application/json' };

/** @returns the method and path of each route of an app, except the route that dispatches. */
function routesOf(app: { printRoutes(options: { commonPrefix: boolean }): string }): [string, string][] {
  const routes: [string, string][] = [];
  // A route below another one is shown with the rest of its path, indented by four characters.
  const parents: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', part = '', methods] = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, -]+)\))?/.exec(line) ?? [];
    if (part === '') continue;
    const depth = indent.length / 4;
    const path = `${parents[depth - 1] ?? ''}${part}`;
    parents[depth] = path;
    for (const method of methods?.split(', ') ?? []) routes.push([method, path]);
  }
  return routes;
}

/** @returns the paths of the calls that a foreign page is refused, and of those it is not. */
async function refusedOf(url: string, routes: readonly [string, string][]) {
  const refused = new Set<string>();
  const answered = new Set<string>();
  for (const [method, path] of routes) {
    const { status } = await call(method, url + path.replaceAll(':', ''), { headers: foreign });
    (status === 403 ? refused : answered).add(path);
  }
  return { refused: [...refused].toSorted(), answered: [...answered].toSorted() };
}

const admin = [
  '/-/api/callbacks',
  '/-/api/dead-letters',
  '/-/api/events',
  '/-/api/gateways',
  '/-/api/autoscale',
  '/-/api/hot-keys',
  '/-/api/key',
  '/-/api/live',
  '/-/api/overview',
  '/-/api/plan',
  '/-/api/replicas',
  '/-/api/replicas/:name',
  '/-/api/replicas/:name/drain',
  '/-/api/replicas/:name/pause',
  '/-/api/replicas/:name/restart',
  '/-/api/replicas/:name/resume',
  '/-/api/replicas/:name/weight',
  '/-/api/requests',
  '/-/api/requests/:id',
  '/-/api/restart',
  '/-/api/samples',
  '/-/api/settings',
  '/-/callbacks/secret',
  '/-/dead-letters',
  '/-/dead-letters/:id',
  '/-/dead-letters/:id/redrive',
  '/-/dead-letters/redrive',
  '/-/metrics',
  '/-/ring',
  '/add',
  '/rep',
  '/rm',
];
const client = ['/-/live', '/-/ready', '/-/requests/:id', '/-/requests/:id/reply'];
/** Without a credential. The router prints the second part of `/-/assets/*` alone. */
const shownToAll = ['/-/api/session', '/-/*'];
const docs = /^\/-\/(docs(\/.*)?|openapi\.json)$/;

describe('each route', () => {
  it('belongs to the admin side, unless it is on the list of exceptions', async () => {
    const { gateway, url } = await system().start(alone);
    const routes = routesOf(gateway.app);
    const { refused, answered } = await refusedOf(url, routes);
    // The page of the dashboard is refused to a name that was rebound, but needs no credential. Nobody signs
    // in on this port.
    expect(refused).toEqual(['/-/', '/-/api/session', ...admin].toSorted());
    expect(answered.filter((path) => !docs.test(path))).toEqual([...shownToAll, ...client].toSorted());
    expect(answered.filter((path) => docs.test(path)).length).toBeGreaterThan(2);
  });

  it.each(['/rep', '/-/ring', '/-/dead-letters', '/-/metrics', '/%2D/ring', '/-/%72ing'])(
    'of the admin side is refused whatever the spelling of its path: %s',
    async (path) => {
      const { url } = await system().start({ ...alone, REPLY_TIMEOUT_MS: '200' });
      const { status, text } = await call('GET', url + path, { headers: foreign });
      // A path that is not literally one of the gateway's own is dispatched.
      expect([path, status]).toEqual([path, path.startsWith('/%') ? 503 : 403]);
      expect(text).not.toContain('parameters');
    },
  );
});

describe('a user with curl', () => {
  it('can change and read the replicas, whatever content type curl sends', async () => {
    await leaseReplicas(system());
    const { url } = await system().start({ REPLICA_DRIVER: 'none' });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const first = await call('GET', `${url.replace('127.0.0.1', 'localhost')}/rep`);
    expect(first.text).toBe(successful(['S1', 'S2', 'S3']));
    const added = await call('POST', `${url}/add`, { headers, body: '{"n":1,"hostnames":["S4"]}' });
    expect(added.text).toBe(successful(['S1', 'S2', 'S3', 'S4']));
    const left = await call('DELETE', `${url}/rm`, { headers, body: '{"n":1,"hostnames":["S4"]}' });
    expect(left.text).toBe(successful(['S1', 'S2', 'S3']));
    const none = await call('POST', `${url}/-/dead-letters/redrive?all=true`, {
      headers,
      body: '{"headers":{}}',
    });
    expect(none.text).toBe('{"redriven":[],"refused":[],"more":false}');
  });
});

describe('ADMIN_PORT', () => {
  it('moves the whole admin side, and leaves the data port to the app', async () => {
    const { url, adminUrl } = await system().start({ REPLICAS: '1', ADMIN_PORT: '0' });
    expect(new URL(adminUrl).port).not.toBe(new URL(url).port);
    for (const [method, path] of [
      ['GET', '/rep'],
      ['POST', '/add'],
      ['DELETE', '/rm'],
    ] as const) {
      const answer = await call(method, url + path, { body: '{"n":1}' });
      expect(answer.text).toContain(`'${path}' endpoint does not exist in server replicas`);
      expect(answer.headers['ringpost-replica']).toBe('S1');
    }
    const own = ['/-/ring', '/-/dead-letters', '/-/metrics', '/-/docs', '/-/openapi.json'];
    for (const path of own) {
      expect([path, (await call('GET', url + path)).status]).toEqual([path, 404]);
      const { status } = await call('GET', adminUrl + path);
      expect([path, status]).toEqual([path, 200]);
    }
    expect((await call('GET', `${url}/-/live`)).status).toBe(200);
    expect((await call('GET', `${url}/-/ready`)).status).toBe(200);
    expect((await call('GET', `${url}/-/requests/x.S1`)).text).toContain('Nothing is known of a request');
    for (const path of ['/home', '/-/live', '/-/requests/x.S1', '/']) {
      const answer = await call('GET', adminUrl + path);
      expect([path, answer.status, answer.headers['content-type']]).toEqual([
        path,
        404,
        'application/problem+json',
      ]);
    }
    expect((await call('GET', `${adminUrl}/rep`)).text).toBe(successful(['S1']));
    expect((await add(adminUrl, 1, ['S2'])).text).toBe(successful(['S1', 'S2']));
    expect((await remove(adminUrl, 1, ['S2'])).text).toBe(successful(['S1']));
    expect((await call('PUT', `${adminUrl}/rep`)).headers.allow).toBe('GET, HEAD');
  });

  it('has each route on the right side', async () => {
    const { gateway, url } = await system().start({ ...alone, ADMIN_PORT: '0', HOST: '0.0.0.0' });
    const answered = ['/-/', '/-/api/session', ...client];
    expect(await refusedOf(url, routesOf(gateway.app))).toEqual({ refused: [], answered });
    const { text } = await call('GET', `${gateway.adminUrl}/-/openapi.json`);
    const { paths } = JSON.parse(text) as { paths: Record<string, object> };
    const named = Object.keys(paths).map((path) => path.replaceAll(/\{(\w+)\}/g, ':$1'));
    expect(named.toSorted()).toEqual([...admin, '/-/api/session'].toSorted());
    const { status } = await call('GET', `${gateway.adminUrl}/-/ring`, { headers: foreign });
    expect(status).toBe(403);
  });

  it('requires a token if ADMIN_HOST is not loopback, whatever HOST is', async () => {
    const settings = { ...alone, ADMIN_PORT: '0', ADMIN_HOST: '0.0.0.0' };
    const { adminUrl } = await system().start(settings);
    const { status, text } = await call('GET', `${adminUrl}/rep`);
    expect([status, text]).toEqual([403, expect.stringContaining('ADMIN_HOST is 0.0.0.0, not loopback')]);
  });

  it('drains like the data port: a running call is finished, and its connection closes', async () => {
    await leaseReplicas(system(), (name) => name !== 'S4');
    const { adminUrl, gateway, stop } = await system().start({
      REPLICA_DRIVER: 'none',
      ADMIN_PORT: '0',
      ADD_TIMEOUT_MS: '1500',
    });
    const added = add(adminUrl, 1, ['S4']);
    await expect.poll(() => gateway.pending().calls).toBe(1);
    await expect.poll(() => desiredOf(system())).toContain('S4');
    const stopped = stop();
    const answer = await added;
    expect([answer.status, answer.headers.connection]).toEqual([504, 'close']);
    await stopped;
    expect(gateway.pending().calls).toBe(0);
    await expect(call('GET', `${adminUrl}/rep`)).rejects.toThrow('ECONNREFUSED');
  });

  it('has its own MAX_CONNECTIONS, so that a flood of the data port locks nobody out', async () => {
    const { url, adminUrl } = await system().start({ ...alone, ADMIN_PORT: '0', MAX_CONNECTIONS: '2' });
    const sockets: Socket[] = [];
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    const open = async (to: string): Promise<Socket> => {
      const { hostname, port } = new URL(to);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
      return socket;
    };
    await open(url);
    await open(url);
    const refused = await open(url);
    if (!refused.closed) await once(refused, 'close');
    expect((await call('GET', `${adminUrl}/rep`)).status).toBe(200);
    await open(adminUrl);
    const metrics = await call('GET', `${adminUrl}/-/metrics`);
    expect(metrics.text).toMatch(/^ringpost_connections_refused 1$/m);
    await open(adminUrl);
    const second = await open(adminUrl);
    if (!second.closed) await once(second, 'close');
  });
});
