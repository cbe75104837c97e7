import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { Gateway } from '../../gateway/gateway.ts';
import { ask, json } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { valuesOf } from '../fixtures/request-heads.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const byAddress = { HASH_KEY: 'ip', REPLICAS: '3' };
const proxied = { ...byAddress, TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' };

/** @returns an address whose key another replica owns than the key of the test's own address. */
function elsewhere({ watcher: { ring } }: Gateway, not = '127.0.0.1'): string {
  const addresses = Array.from({ length: 200 }, (_, at) => `198.51.100.${at}`);
  return addresses.find((each) => ring.owner(each) !== ring.owner(not)) ?? '';
}

async function servedBy(url: string, ...headers: string[]): Promise<string | undefined> {
  const answer = await ask(url, { target: '/home', headers });
  expect(answer.status).toBe(200);
  return headerValue(answer.headers, 'ringpost-replica');
}

describe('a client that is not a trusted proxy', () => {
  it('cannot claim another origin of its request, neither to the replica nor for its key', async () => {
    const upstream = await recordingUpstream();
    const { url, gateway } = await system().start({ ...byAddress, UPSTREAM: upstream.url });
    const claimed = elsewhere(gateway);
    const claims = ['Forwarded', `for=${claimed};host=evil.test;proto=https`, 'X-Forwarded-For', claimed];
    const more = ['x-forwarded-host', 'evil.test', 'X-Forwarded-Proto', 'https', 'X-Real-IP', claimed];
    const replica = await servedBy(url, 'Host', 'shop.test', ...claims, ...more, 'X_Forwarded_For', claimed);
    expect(replica).toBe(gateway.watcher.ring.owner('127.0.0.1'));
    const { headers = [] } = upstream.got[0] ?? {};
    const names = headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    const derived = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];
    expect(names.filter((name) => /forwarded|real/.test(name))).toEqual(['forwarded', ...derived]);
    expect(valuesOf(headers, 'forwarded')).toEqual(['for=127.0.0.1;host="shop.test";proto=http']);
    expect(derived.flatMap((name) => valuesOf(headers, name))).toEqual(['127.0.0.1', 'http', 'shop.test']);
  });
});

describe('a trusted proxy', () => {
  it('is believed, and its own address is appended', async () => {
    const upstream = await recordingUpstream();
    const { url, gateway } = await system().start({ ...proxied, UPSTREAM: upstream.url });
    const client = elsewhere(gateway);
    const { ring } = gateway.watcher;
    // The client itself wrote what stands before its address.
    const path = `127.0.0.1, ${client}, 10.0.0.9`;
    const kept = ['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.test'];
    expect(await servedBy(url, 'X-Forwarded-For', path, ...kept)).toBe(ring.owner(client));
    expect(await servedBy(url, 'Forwarded', `for=10.0.0.1, for="${client}:80", for=10.0.0.9`)).toBe(
      ring.owner(client),
    );
    expect(await servedBy(url)).toBe(ring.owner('127.0.0.1'));
    const [first, second] = upstream.got.map(({ headers }) => headers);
    expect(valuesOf(first ?? [], 'x-forwarded-for')).toEqual([`${path}, 127.0.0.1`]);
    expect(valuesOf(first ?? [], 'x-forwarded-proto')).toEqual(['https']);
    expect(valuesOf(first ?? [], 'x-forwarded-host')).toEqual(['shop.test']);
    expect(valuesOf(second ?? [], 'forwarded')).toEqual([
      `for=10.0.0.1, for="${client}:80", for=10.0.0.9`,
      expect.stringMatching(/^for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=http$/),
    ]);
    expect(valuesOf(second ?? [], 'x-forwarded-for')).toEqual([`10.0.0.1, ${client}, 10.0.0.9, 127.0.0.1`]);
  });

  it.each([
    ['two clients', 'Forwarded', 'for=198.51.100.1', 'X-Forwarded-For', '198.51.100.2'],
    ['an open quote', 'Forwarded', 'for="198.51.100.1'],
    ['a name', 'X-Forwarded-For', 'evil.test'],
    ['more than 8 KiB', 'X-Forwarded-For', `198.51.100.1${' '.repeat(9000)},10.0.0.1`],
  ])('gets 400 for an unreadable claim, and the request does not run: %s', async (_, ...headers) => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ ...proxied, UPSTREAM: upstream.url });
    const answer = await ask(url, { method: 'POST', headers, body: Buffer.from('b') });
    expect([answer.status, json(answer)]).toEqual([
      400,
      expect.objectContaining({ code: 'request_malformed' }),
    ]);
    expect(upstream.got).toEqual([]);
  });

  it('is still believed when a dead letter is redriven', async () => {
    const { url, gateway } = await system().start({ ...proxied, HANDLER: handlerFile('flaky') });
    const client = elsewhere(gateway);
    const headers = { prefer: 'respond-async', 'x-forwarded-for': client };
    const { headers: accepted } = await fetch(`${url}/x?fail=9`, { method: 'POST', headers });
    const id = accepted.get('ringpost-request') ?? '';
    const { redis, keys } = system();
    await expect.poll(() => redis.exists(keys.deadLetter(id))).toBe(1);
    const redriven = await fetch(`${url}/-/dead-letters/${id}/redrive`, { method: 'POST' });
    const { request = '' } = (await redriven.json()) as { request?: string };
    expect(request).not.toBe('');
    expect(replicaOf(request)).toBe(gateway.watcher.ring.owner(client));
  });
});

describe('an IPv4 client of a gateway that listens on IPv6', () => {
  it('has its IPv4 address: as a key, in Forwarded, and as a trusted proxy', async () => {
    const upstream = await recordingUpstream();
    const listening = { HOST: '::', ADMIN_AUTH: 'none', UPSTREAM: upstream.url };
    const first = await system().start({ ...byAddress, ...listening });
    const { gateway } = first;
    const ipv4 = ({ gateway: { app } }: { gateway: Gateway }): string =>
      `http://127.0.0.1:${new URL(app.listeningOrigin).port}`;
    const client = elsewhere(gateway);
    expect(await servedBy(ipv4(first), 'Host', 'a')).toBe(gateway.watcher.ring.owner('127.0.0.1'));
    const { headers = [] } = upstream.got[0] ?? {};
    expect(valuesOf(headers, 'forwarded')).toEqual(['for=127.0.0.1;host="a";proto=http']);
    const second = await system().start({ ...proxied, ...listening, ROLE: 'gateway' });
    for (const written of [client, `::ffff:${client}`, `[::FFFF:${client}]:80`])
      expect(await servedBy(ipv4(second), 'X-Forwarded-For', written), written).toBe(
        gateway.watcher.ring.owner(client),
      );
  });
});
