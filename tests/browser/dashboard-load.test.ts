import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import type { ApiReplicaView } from '#shared/contract/api/replicas.ts';
import { ringOf } from '../fixtures/admin-calls.ts';
import { readApi } from '../fixtures/api-calls.ts';
import { expectFineInAllLooks, picturesFolder } from '../fixtures/dashboard-looks.ts';
import { faultsOf, goTo, patience, signIn, useDashboard } from '../fixtures/dashboard-page.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { keyOf } from '../fixtures/ring-keys.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const openPage = useDashboard();
const workers = useWorkers();
const slow = { timeout: 180_000 };
const pictures = picturesFolder();

const handlerOf = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/handlers/${name}.ts`, import.meta.url));

const rowOf = (page: Page, replica: string): Locator =>
  page.getByRole('row', { name: new RegExp(`^${replica}\\b`) });

/** Chooses an action in the menu of a replica. @returns the question. */
async function choose(page: Page, replica: string, action: string): Promise<Locator> {
  await page.getByRole('button', { name: `Actions for ${replica}`, exact: true }).click();
  await page.getByRole('button', { name: action, exact: true }).click();
  return page.getByRole('dialog');
}

/** Sends requests to an address again and again, until the returned function is called or the test ends. */
function keepAsking(url: string, headersOf: (at: number) => Record<string, string>): () => Promise<void> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const asking = (async () => {
    for (let at = 0; !stop.signal.aborted; at += 1) {
      const answer = await fetch(url, { headers: headersOf(at) }).catch(() => undefined);
      await answer?.arrayBuffer();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return async () => {
    stop.abort();
    await asking;
  };
}

it(
  'says why a replica is ejected and for how long, puts it back, and shows its slow start',
  slow,
  async () => {
    const ills = `${workers.ledger()}.ills`;
    writeFileSync(ills, '{}');
    const { url } = await system().start({
      REPLICAS: '3',
      HANDLER: handlerOf('outlier'),
      LEDGER: workers.ledger(),
      ILLS: ills,
      LEASE_MS: '900',
      SLOW_START_MS: '45000',
      OUTLIER_DETECTION: 'on',
      OUTLIER_INTERVAL_MS: '1000',
      OUTLIER_BASE_EJECTION_MS: '120000',
    });
    // As if all had served for long.
    await system().redis.del(system().keys.slowStarts);
    const page = await openPage();
    const faults = faultsOf(page);
    await page.goto(`${url}/-/`);
    await page.getByText('3 of 3 replicas ready').waitFor();

    writeFileSync(ills, JSON.stringify({ S2: { status: 500 } }));
    const stop = keepAsking(`${url}/load`, (at) => ({ 'ringpost-key': `key-${at}` }));
    const row = rowOf(page, 'S2');
    await row.getByText(/^ejected, (?:\d+ s|2 min) left$/).waitFor();
    await page.getByText('3 of 3 replicas ready, 1 ejected').waitFor();
    const reason = /consecutive 5xx; of the others' answers 0 % failed/;
    expect(await row.getByText(/^ejected/).getAttribute('title')).toMatch(reason);
    // No pill pushes the actions out of the table.
    const table = page.getByRole('group', { name: 'Replicas' });
    expect(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
    await expectFineInAllLooks(page, pictures, 'ejected');

    await goTo(page, '#/replicas/S2', 'Replica S2');
    await page
      .getByText(/^S2 is ejected for \d+ (?:s|min) more: \d+ consecutive 5xx; of the others/)
      .waitFor();
    await page
      .getByText(
        'Its keys are with their successors. A probe then decides whether it returns. To end this now, put it ' +
          'back into the ring.',
      )
      .waitFor();
    await stop();
    writeFileSync(ills, '{}');
    await page.getByRole('button', { name: 'Put back into the ring …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Put S2 back' }).click();
    await page.getByText('S2 is on its way into the ring.').waitFor();

    await page
      .getByText(/^S2 starts slowly: it has [1-9]0 % of its weight, and all of it in \d+ s\.$/)
      .waitFor();
    await page.getByText(/^slow start, [1-9]0 %$/).waitFor();
    await page.getByText(/^1 \([1-9]0 % now, all in \d+ s\)$/).waitFor();
    await page.getByText(/is ejected/).waitFor({ state: 'detached' });
    await expectFineInAllLooks(page, pictures, 'slow-start');
    await goTo(page, '#/', 'Overview');
    await row.getByText(/^slow start, [1-9]0 %$/).waitFor();
    await page.getByText('3 of 3 replicas ready; led by').waitFor();
    expect(faults).toEqual([]);
  },
);

it('shows that a replica sleeps, what wakes it, and that its next request has', slow, async () => {
  const { url, gateway } = await system().start({
    REPLICAS: '2',
    HANDLER: workers.handler,
    LEDGER: workers.ledger(),
    LEASE_MS: '600',
    SLEEP_AFTER_S: '1',
  });
  const page = await openPage();
  const faults = faultsOf(page);
  await page.goto(`${url}/-/`);
  await page.getByText('0 of 2 replicas ready, 2 asleep').waitFor();
  await page.getByText('All is well.').waitFor();
  const row = rowOf(page, 'S1');
  expect(await row.getByText('asleep').getAttribute('title')).toBe(
    'It was idle, so its worker was ended. Its next request starts one.',
  );
  await goTo(page, '#/replicas/S1', 'Replica S1');
  await page.getByText('S1 sleeps: it was idle, so its worker was ended.').waitFor();
  await page
    .getByText('It keeps its keys and its queue. Its next request starts a worker and waits for it.')
    .waitFor();
  await page.getByText('It sleeps, so it has no worker.').waitFor();
  await expectFineInAllLooks(page, pictures, 'asleep');

  const answer = fetch(`${url}/wake?ms=8000`, { headers: { 'ringpost-key': keyOf(gateway, 'S1') } });
  await page.getByText(/^S1 sleeps/).waitFor({ state: 'detached' });
  await page.getByText('ready', { exact: true }).waitFor();
  expect((await answer).status).toBe(200);
  expect(faults).toEqual([]);
});

it('shows loads against caps, and where a key spills to and why', slow, async () => {
  const { url, gateway } = await system().start({
    REPLICAS: '3',
    CONCURRENCY: '2',
    AFFINITY: 'loose',
    HANDLER: handlerOf('leaving'),
    REPLY_TIMEOUT_MS: '120000',
  });
  const [owner = '', next = ''] = gateway.watcher.ring.successors('hot');
  const headers = { 'ringpost-key': 'hot', 'ringpost-affinity': 'strict' };
  const left = new AbortController();
  for (let at = 0; at < 12; at += 1)
    void fetch(`${url}/x?ms=100000`, { headers, signal: left.signal }).catch(() => undefined);
  const page = await openPage();
  const faults = faultsOf(page);
  await page.goto(`${url}/-/`);
  const row = rowOf(page, owner);
  await row.getByText(/^12 of \d$/).waitFor();
  await rowOf(page, next)
    .getByText(/^\d of \d$/)
    .waitFor();
  const stop = keepAsking(`${url}/x?ms=0`, () => ({ 'ringpost-key': 'hot' }));
  await row.getByText(/^−\d/).waitFor();
  await rowOf(page, next).getByText(/^\+\d/).waitFor();
  await page.getByText(/^[\d.]+ spilled$/).waitFor();
  await expectFineInAllLooks(page, pictures, 'loads');
  await stop();

  await goTo(page, `#/replicas/${owner}`, `Replica ${owner}`);
  await page.getByText(/^12 of \d$/).waitFor();
  await goTo(page, '#/keys?key=hot', 'Keys');
  const card = page.getByRole('region', { name: 'Where its requests go now' });
  await card.getByText('AFFINITY=loose, LOAD_BOUND=1.5').waitFor();
  await card
    .getByText(`The next request goes to ${next}, because ${owner}, the owner, is overloaded.`)
    .waitFor();
  await rowOf(page, owner)
    .getByText(/^It has 12 requests, and its cap is \d\.$/)
    .waitFor();
  await card.getByRole('row', { name: new RegExp(`^${owner} passed 12 of \\d`) }).waitFor();
  await card.getByRole('row', { name: new RegExp(`^${next} taken 0 of \\d`) }).waitFor();
  expect(await card.getByText('not asked').count()).toBe(1);
  await expectFineInAllLooks(page, pictures, 'key-loads');
  left.abort();
  expect(faults).toEqual([]);
});

it(
  'changes a weight after a question that shows what moves, and offers that to no viewer',
  slow,
  async () => {
    await leaseReplicas(system());
    const [ADMIN_TOKEN, VIEW_TOKEN] = ['a-token-of-the-operator', 'a-token-of-the-viewer'];
    const { adminUrl } = await system().start({
      REPLICA_DRIVER: 'none',
      ADMIN_PORT: '0',
      ADMIN_TOKEN,
      VIEW_TOKEN,
    });
    const weightOf = async (): Promise<number> =>
      (
        await readApi<ApiReplicaView>(adminUrl, '/-/api/replicas/S2', {
          authorization: `Bearer ${ADMIN_TOKEN}`,
        })
      ).weight;
    const page = await openPage();
    const faults = faultsOf(page);
    await page.goto(`${adminUrl}/-/`);
    await signIn(page, ADMIN_TOKEN);
    await page.getByText('3 of 3 replicas ready').waitFor();

    const left = await choose(page, 'S2', 'Change weight …');
    await left.getByText('Change the weight of S2?').waitFor();
    await left.getByText('S2 has the weight 1.').waitFor();
    const confirm = left.getByRole('button', { name: 'Change the weight' });
    expect(await confirm.isDisabled()).toBe(true);
    for (const wrong of ['', '0', '11', '1.5']) {
      await left.getByLabel('Weight').fill(wrong);
      await left.getByText('Give another whole number from 1 to 10.').waitFor();
      expect(await confirm.isDisabled()).toBe(true);
    }
    await left.getByLabel('Weight').fill('3');
    await left.getByText('S2 gets the weight 3. What waits there stays there.').waitFor();
    await expectFineInAllLooks(page, pictures, 'weight');
    await page.keyboard.press('Escape');
    await left.waitFor({ state: 'detached' });
    expect(await weightOf()).toBe(1);

    const question = await choose(page, 'S2', 'Change weight …');
    await question.getByLabel('Weight').fill('3');
    await question.getByRole('button', { name: 'Change the weight' }).click();
    await page.getByText('S2 has the weight 3.').waitFor();
    await rowOf(page, 'S2').getByText('×3').waitFor();
    await rowOf(page, 'S2')
      .getByText(/^(?:5|6)\d\.\d %$/)
      .waitFor();
    expect(await weightOf()).toBe(3);
    expect((await ringOf(system())).ring.get('S2')).toBeDefined();
    await goTo(page, '#/replicas/S2', 'Replica S2');
    await page.getByRole('button', { name: 'Change weight …' }).waitFor();

    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, VIEW_TOKEN);
    await page.getByText('(view only)').waitFor();
    await page
      .locator('dl.pairs > div')
      .filter({ hasText: /^weight3$/ })
      .waitFor();
    expect(await page.getByRole('button', { name: /…$/ }).count()).toBe(0);
    await expect.poll(async () => (await leaseOf(system(), 'S2'))?.state, patience).toBe('ready');
    expect(faults).toEqual([]);
  },
);
