import { describe, expect, it } from 'vitest';
import { add, desiredOf, successful } from '../fixtures/admin-calls.ts';
import { fetchFrom, outerAddress, useBrowser } from '../fixtures/browser.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const openPage = useBrowser();

/** Starts a gateway with S1, S2 and S3, but no worker. */
async function startLeased(env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  await leaseReplicas(system());
  // The browser asks for an icon, and no worker answers it.
  return system().start({ REPLICA_DRIVER: 'none', REPLY_TIMEOUT_MS: '500', ...env });
}

describe('a page served by the gateway', () => {
  it.each(['127.0.0.1', 'localhost'])('can read and change the replicas at %s', async (host) => {
    const { url } = await startLeased();
    const page = await openPage();
    await page.goto(`${url.replace('127.0.0.1', host)}/-/live`);
    const seen = await fetchFrom(page, '/rep');
    expect(seen).toEqual({ status: 200, text: successful(['S1', 'S2', 'S3']) });
    const headers = { 'content-type': 'application/json' };
    const body = '{"n":1,"hostnames":["S4"]}';
    const added = await fetchFrom(page, '/add', { method: 'POST', headers, body });
    expect(added).toEqual({ status: 200, text: successful(['S1', 'S2', 'S3', 'S4']) });
    const gone = await fetchFrom(page, '/rm', { method: 'DELETE', headers, body });
    expect(gone).toEqual({ status: 200, text: successful(['S1', 'S2', 'S3']) });
    const none = await fetchFrom(page, '/-/dead-letters?all=true', { method: 'DELETE' });
    expect(none).toEqual({ status: 200, text: '{"deleted":0,"more":false}' });
  });
});

const outer = outerAddress();
const notRun = outer ? '' : ' (not run: this machine has no other address)';
it.skipIf(outer === undefined)(`a page off loopback can read with a token${notRun}`, async () => {
  const token = 'a-token-of-the-test';
  const { url } = await startLeased({ HOST: '0.0.0.0', ADMIN_TOKEN: token });
  const page = await openPage();
  await page.goto(`http://${outer}:${new URL(url).port}/-/live`);
  const heard = await fetchFrom(page, '/rep', { headers: { authorization: `Bearer ${token}` } });
  expect(heard).toEqual({ status: 200, text: successful(['S1', 'S2', 'S3']) });
});

it('a page on the data port cannot call the admin side on ADMIN_PORT', async () => {
  const { url, adminUrl } = await startLeased({ ADMIN_PORT: '0' });
  const page = await openPage();
  await page.goto(`${url}/-/live`);
  const init = { method: 'POST', mode: 'no-cors', body: '{"n":1}' } as const;
  const answered = page.waitForResponse(`${adminUrl}/add`);
  await fetchFrom(page, `${adminUrl}/add`, init);
  expect((await answered).status()).toBe(403);
  expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S3']);
  expect((await add(adminUrl, 1, ['S4'])).status).toBe(200);
});
