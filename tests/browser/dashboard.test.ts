import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { desiredOf } from '../fixtures/admin-calls.ts';
import { expectFine, looks, picturesFolder } from '../fixtures/dashboard-looks.ts';
import { faultsOf, goTo, patience, signIn, useDashboard } from '../fixtures/dashboard-page.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const openPage = useDashboard();
const workers = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));
const token = 'a-token-of-the-operator';
const viewToken = 'a-token-of-the-viewer';
const slow = { timeout: 180_000 };

const pictures = picturesFolder();

it('signs in on ADMIN_PORT, shows what a change will do, makes it, and signs out', slow, async () => {
  await leaseReplicas(system());
  const { url, adminUrl } = await system().start({
    REPLICA_DRIVER: 'none',
    ADMIN_PORT: '0',
    ADMIN_TOKEN: token,
    VIEW_TOKEN: viewToken,
  });
  const page = await openPage();
  const faults = faultsOf(page);
  await page.goto(`${url}/-/`);
  await page.getByRole('heading', { name: /elsewhere|another port/ }).waitFor();

  await page.goto(`${adminUrl}/-/`);
  await signIn(page, 'a-token-of-nobody');
  await page.getByRole('alert').filter({ hasText: 'not a token of this system' }).waitFor();
  await signIn(page, token);
  await page.getByText('3 of 3 replicas ready').waitFor();
  const [cookie] = await page.context().cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/-/' });
  expect(await page.evaluate<string>('document.cookie + JSON.stringify(localStorage)')).toBe('{}');

  await page.getByRole('button', { name: 'Add replica' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Names').fill('S4');
  await dialog.getByRole('row', { name: /^S4 0.0 %/ }).waitFor();
  expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S3']);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('4 of 4 replicas ready').waitFor();
  expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S3', 'S4']);

  const actions = page.getByRole('button', { name: 'Actions for S4' });
  await actions.click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await dialog.getByText('keys that move').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S3', 'S4']);
  await actions.press('Enter');
  await page.getByRole('button', { name: 'Remove' }).press('Enter');
  await dialog.getByRole('button', { name: 'Remove S4' }).click();
  await page.getByText('S4 is being removed.').waitFor();
  expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S3']);

  await page.getByRole('button', { name: 'Actions for S2' }).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await dialog.getByRole('button', { name: 'Pause S2' }).click();
  await page.getByRole('row', { name: /S2/ }).getByText('paused').waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').waitFor();
  await signIn(page, viewToken);
  await page.getByText('(view only)').waitFor();
  await page.getByRole('row', { name: /S2/ }).waitFor();
  expect(await page.getByRole('button', { name: /Add replica|Actions for/ }).count()).toBe(0);
  expect(faults).toEqual([]);
});

it('shows requests as they end, finds why one failed, and redrives it', slow, async () => {
  const settings = { HANDLER: handler, LEDGER: workers.ledger(), REPLICAS: '1' };
  const { url } = await system().start(settings);
  const page = await openPage({ colorScheme: 'light', viewport: { width: 1280, height: 600 } });
  const faults = faultsOf(page);
  const streams: string[] = [];
  page.on('request', (request) => request.url().includes('/-/api/events') && streams.push(request.url()));
  await page.goto(`${url}/-/`);
  await page.getByText('1 of 1 replica ready').waitFor();

  await goTo(page, '#/requests', 'Requests');
  const stop = new AbortController();
  const sending = (async () => {
    while (!stop.signal.aborted) await (await fetch(`${url}/seen-live?ms=20`)).text();
  })();
  await page.getByRole('link', { name: 'GET /seen-live' }).first().waitFor();
  stop.abort();
  await sending;
  const paths = ['/report?ms=40', '/users/7?ms=3', '/orders/1841?fail=1&status=500&ms=120', '/users/12?ms=8'];
  for (const path of paths) await (await fetch(`${url}${path}`, { method: 'POST' })).text();
  await page.getByRole('row', { name: /POST \/orders\/1841 500/ }).waitFor();
  await page.getByRole('link', { name: 'POST /users/12' }).waitFor();
  await page.screenshot({ path: join(pictures, 'dashboard-live-light-1280.png') });
  // One stream for the overview, and one in its place with the live requests.
  expect(streams.map((each) => new URL(each).search)).toEqual(['?topics=overview', '?topics=overview,live']);

  const headers = { prefer: 'respond-async', 'x-api-key': 'a-secret' };
  const accepted = await fetch(`${url}/orders?fail=1&status=500`, {
    method: 'POST',
    body: 'order 7',
    headers,
  });
  const id = accepted.headers.get('ringpost-request') ?? '';
  await expect.poll(() => system().redis.exists(system().keys.deadLetter(id)), patience).toBe(1);
  await goTo(page, `#/requests?view=search&id=${id}`, 'Requests');
  await page.getByRole('link', { name: 'POST /orders' }).click();
  await page.getByRole('heading', { name: 'What happened' }).waitFor();
  await page.getByText('The handler or upstream answered 500.').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'begun' }).first().waitFor();
  await page.getByRole('link', { name: 'Dead letter', exact: true }).click();
  await page.getByText('order 7').waitFor();

  await goTo(page, '#/dead-letters', 'Dead letters');
  await page.getByLabel('Select all shown').check();
  await page.getByRole('button', { name: 'Redrive' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Header x-api-key').fill('a-secret');
  await dialog.getByRole('button', { name: 'Redrive' }).click();
  await page.getByText('1 request redriven.').waitFor();
  await page.locator(`a[href*="${id}"]`).waitFor({ state: 'detached' });
  expect(await system().redis.exists(system().keys.deadLetter(id))).toBe(0);
  expect(faults).toEqual([]);
});

it('says that the connection is lost, and goes on when the gateway is back', async () => {
  await leaseReplicas(system());
  const first = await system().start({ REPLICA_DRIVER: 'none' });
  const { url } = first;
  const page = await openPage();
  const faults = faultsOf(page);
  await page.goto(`${url}/-/`);
  await page.getByText('3 of 3 replicas ready').waitFor();
  await first.stop();
  await page.getByText('The connection to the gateway is lost.').waitFor();
  await page.getByText('Reconnecting').waitFor();
  await system().start({ REPLICA_DRIVER: 'none', PORT: new URL(url).port });
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('The connection to the gateway is lost.').waitFor({ state: 'detached' });
  expect(faults).toEqual([]);
});

it(
  'shows each page in light, in dark and on a phone, and axe finds nothing wrong',
  { timeout: 600_000 },
  async () => {
    const { url } = await system().start({ HANDLER: handler, LEDGER: workers.ledger(), REPLICAS: '2' });
    const headers = { prefer: 'respond-async', 'x-api-key': 'a-secret' };
    const accepted = await fetch(`${url}/orders/1841?fail=9&status=500`, {
      method: 'POST',
      body: '{"n":7}',
      headers,
    });
    const id = accepted.headers.get('ringpost-request') ?? '';
    await expect.poll(() => system().redis.exists(system().keys.deadLetter(id)), patience).toBe(1);
    const pages: readonly (readonly [name: string, hash: string, heading: string | RegExp])[] = [
      ['overview', '#/', 'Overview'],
      ['replica', '#/replicas/S1', 'Replica S1'],
      ['requests', '#/requests', 'Requests'],
      ['search', '#/requests?view=search', 'Requests'],
      ['request', `#/requests/${id}`, 'POST /orders/1841'],
      ['key', '#/keys?key=tenant-7', 'Keys'],
      ['dead-letters', '#/dead-letters', 'Dead letters'],
      ['dead-letter', `#/dead-letters/${id}`, /POST \/orders/],
      ['callbacks', '#/callbacks', 'Callbacks'],
      ['gateways', '#/gateways', 'Gateways'],
      ['settings', '#/settings', 'Settings'],
      ['nowhere', '#/nowhere', 'Not found'],
    ];
    for (const { theme, width, height } of looks) {
      const page = await openPage({ colorScheme: theme, viewport: { width, height } });
      const faults = faultsOf(page);
      await page.goto(`${url}/-/`);
      await page.getByText('2 of 2 replicas ready').waitFor();
      for (const [name, hash, heading] of pages) {
        await goTo(page, hash, heading);
        if (name === 'requests') await (await fetch(`${url}/report`)).text();
        await expect.poll(() => page.locator('.loading').count()).toBe(0);
        const where = `${name}, ${theme}, ${width}`;
        await expectFine(page, where);
        await page.screenshot({ path: join(pictures, `dashboard-${name}-${theme}-${width}.png`) });
      }
      expect(faults).toEqual([]);
    }
  },
);
