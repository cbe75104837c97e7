import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import type { ApiReplicaView } from '#shared/contract/api/replicas.ts';
import type { ListedRequestView, RequestTimelineView } from '#shared/contract/api/requests.ts';
import { ringOf } from '../fixtures/admin-calls.ts';
import { readApi, submit } from '../fixtures/api-calls.ts';
import { faultsOf, goTo, patience, signIn, useDashboard } from '../fixtures/dashboard-page.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const openPage = useDashboard();
const workers = useWorkers();
const slow = { timeout: 120_000 };
const tokens = {
  ADMIN_PORT: '0',
  ADMIN_TOKEN: 'a-token-of-the-operator',
  VIEW_TOKEN: 'a-token-of-the-viewer',
};
const admin = { authorization: `Bearer ${tokens.ADMIN_TOKEN}` };

const handlerOf = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/handlers/${name}.ts`, import.meta.url));

const buttonOf = (within: Page | Locator, name: string): Locator =>
  within.getByRole('button', { name, exact: true });

/** Notes the calls of a page that change something. */
function changesOf(page: Page): readonly string[] {
  const changes: string[] = [];
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (request.method() === 'GET' || searchParams.get('dry-run') === 'true') return;
    if (pathname !== '/-/api/session') changes.push(`${request.method()} ${pathname}`);
  });
  return changes;
}

/**
 * Opens a question, reads it, and leaves it with Escape; opens it again, and leaves it with Cancel; and opens
 * it for a third time.
 * @param says what a person reads in it.
 * @returns the open question.
 */
async function considered(page: Page, ask: () => Promise<void>, says: readonly string[]): Promise<Locator> {
  const dialog = page.getByRole('dialog');
  const leaves = [() => page.keyboard.press('Escape'), () => buttonOf(dialog, 'Cancel').click(), undefined];
  for (const leave of leaves) {
    await ask();
    for (const text of says) await expect.poll(() => dialog.textContent()).toContain(text);
    if (leave === undefined) continue;
    await leave();
    await dialog.waitFor({ state: 'detached' });
  }
  return dialog;
}

/** Chooses an action in the menu of a replica. */
async function choose(page: Page, replica: string, action: string): Promise<void> {
  await buttonOf(page, `Actions for ${replica}`).click();
  await buttonOf(page, action).click();
}

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, element: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    if (await hasFocus(element)) return;
  }
  throw new Error('Tab does not reach it');
}

function hasFocus(element: Locator): Promise<boolean> {
  return element.evaluate((node) => node === node.ownerDocument.activeElement);
}

it('drains a replica and puts it back with the keyboard alone, which keeps its place', slow, async () => {
  await leaseReplicas(system());
  const { url } = await system().start({ REPLICA_DRIVER: 'none' });
  const page = await openPage();
  const [faults, changes] = [faultsOf(page), changesOf(page)];
  await page.goto(`${url}/-/`);
  await page.getByText('3 of 3 replicas ready').waitFor();
  const actions = buttonOf(page, 'Actions for S2');
  const row = page.getByRole('row', { name: /^S2/ });
  await tabTo(page, actions);
  const ask = (action: string) => async (): Promise<void> => {
    await expect.poll(() => hasFocus(actions)).toBe(true);
    await page.keyboard.press('Enter');
    await tabTo(page, buttonOf(page, action));
    await page.keyboard.press('Enter');
    // The first Enter in a question must not be what changes something.
    await expect.poll(() => hasFocus(buttonOf(page.getByRole('dialog'), 'Cancel'))).toBe(true);
  };

  const drain = await considered(page, ask('Drain …'), [
    'Drain S2?',
    'S2 leaves the ring, finishes what it has, and keeps its worker. It can be put back at any time.',
    'keys that move',
    'waiting there0',
    'running there0',
  ]);
  await drain.getByRole('row', { name: /^S2 [1-9]\d*\.\d % 0.0 %/ }).waitFor();
  expect(changes).toEqual([]);
  expect((await ringOf(system())).drained.size).toBe(0);
  await tabTo(page, buttonOf(drain, 'Drain S2'));
  await page.keyboard.press('Enter');
  await page.getByText('S2 is leaving the ring.').waitFor();
  await row.getByText('drained').waitFor();
  await row.getByText('0.0 %').waitFor();
  const drained = await ringOf(system());
  expect([...drained.drained.keys(), ...drained.ring.keys()]).toEqual(['S2', 'S1', 'S3']);

  const back = await considered(page, ask('Put back into the ring …'), [
    'Put S2 back into the ring?',
    'S2 gets the keys again that it owned before it left the ring.',
  ]);
  expect(changes).toEqual(['POST /-/api/replicas/S2/drain']);
  await tabTo(page, buttonOf(back, 'Put S2 back'));
  await page.keyboard.press('Enter');
  await page.getByText('S2 is on its way into the ring.').waitFor();
  await row.getByText('drained').waitFor({ state: 'detached' });
  await expect.poll(async () => (await ringOf(system())).ring.has('S2')).toBe(true);
  await expect.poll(() => hasFocus(actions)).toBe(true);
  expect(faults).toEqual([]);
});

it('pauses a replica, cancels what waits and what runs, and resumes the replica', slow, async () => {
  const [worker, { url, adminUrl }] = await Promise.all([
    workers.start(system(), 'S1', { HANDLER: handlerOf('leaving') }),
    system().start({ ...tokens, REPLICA_DRIVER: 'none', REPLICAS: '1' }),
  ]);
  const page = await openPage();
  const [faults, changes] = [faultsOf(page), changesOf(page)];
  await page.goto(`${adminUrl}/-/`);
  await signIn(page, tokens.ADMIN_TOKEN);
  await page.getByText('1 of 1 replica ready').waitFor();
  const row = page.getByRole('row', { name: /^S1/ });
  const holdOf = async (): Promise<unknown> =>
    (await readApi<ApiReplicaView>(adminUrl, '/-/api/replicas/S1', admin)).hold;
  const stateOf = async (id: string): Promise<unknown> =>
    (await readApi<RequestTimelineView>(adminUrl, `/-/api/requests/${id}`, admin)).request?.state;

  const pause = await considered(page, () => choose(page, 'S1', 'Pause …'), [
    'Pause S1?',
    'S1 stays in the ring and keeps its keys. It starts no request until it is resumed: they wait, and ' +
      'those that time out get a 504.',
    '0 requests wait there now, and 0 run.',
  ]);
  expect([changes, await holdOf()]).toEqual([[], null]);
  await buttonOf(pause, 'Pause S1').click();
  await page.getByText('S1 is paused.').waitFor();
  await row.getByText('paused').waitFor();
  expect(await holdOf()).toBe('paused');

  const waits = await submit(url, '/unwanted', {}, 'POST');
  await submit(url, '/kept', {}, 'POST');
  await goTo(page, `#/requests/${waits}`, 'POST /unwanted');
  const askCancel = (): Promise<void> => buttonOf(page, 'Cancel …').click();
  const cancel = await considered(page, askCancel, [
    'Cancel this request?',
    waits,
    'It waits and will never run. Its client is told that it was cancelled.',
  ]);
  expect([changes.length, await stateOf(waits)]).toEqual([1, 'queued']);
  await buttonOf(cancel, 'Cancel the request').click();
  await page.getByText('The request is cancelled.').waitFor();
  await page.getByText('It was cancelled.').waitFor();
  await buttonOf(page, 'Cancel …').waitFor({ state: 'detached' });
  expect(await stateOf(waits)).toBe('cancelled');
  // The button is gone, and the keyboard goes on from the heading.
  await expect.poll(() => hasFocus(page.getByRole('heading', { level: 1 }))).toBe(true);

  await goTo(page, '#/', 'Overview');
  await row.getByText('paused').waitFor();
  const resume = await considered(page, () => choose(page, 'S1', 'Resume …'), [
    'Resume S1?',
    'S1 starts with the requests that wait.',
    '1 request waits there now, and 0 run.',
  ]);
  expect([changes.length, await workers.runs()]).toEqual([2, []]);
  await buttonOf(resume, 'Resume S1').click();
  await page.getByText('S1 works again.').waitFor();
  await row.getByText('paused').waitFor({ state: 'detached' });
  await expect.poll(() => workers.runs()).toEqual(['POST /kept begun', 'POST /kept done']);

  const runs = await submit(url, '/long?ms=60000', {}, 'POST');
  await expect.poll(() => workers.runs()).toContain('POST /long begun');
  await goTo(page, `#/requests/${runs}`, 'POST /long');
  const abort = await considered(page, askCancel, [
    'It runs. The signal of its handler fires; what the handler has done by then stays done.',
  ]);
  expect([changes.length, await stateOf(runs)]).toEqual([3, 'running']);
  await buttonOf(abort, 'Cancel the request').click();
  await page.getByText('It was cancelled.').waitFor();
  await expect.poll(() => workers.runs()).toContain('POST /long gone');

  const stuck = await submit(url, '/stuck?ms=60000', {}, 'POST');
  await expect.poll(() => workers.runs()).toContain('POST /stuck begun');
  await goTo(page, `#/requests/${stuck}`, 'POST /stuck');
  await askCancel();
  worker.kill('SIGSTOP');
  await buttonOf(page.getByRole('dialog'), 'Cancel the request').click();
  await page
    .getByText('The request still runs: its worker has not answered. It is not started again.')
    .waitFor();
  expect(faults).toEqual([]);
});

it('restarts one replica, and then all, one after the other', slow, async () => {
  const { url } = await system().start({ REPLICAS: '2', HANDLER: handlerOf('pid') });
  const page = await openPage();
  const [faults, changes] = [faultsOf(page), changesOf(page)];
  const generations = (): Promise<unknown> =>
    Promise.all(['S1', 'S2'].map(async (name) => (await leaseOf(system(), name))?.generation));
  const shown = (generation: number): Locator =>
    page.locator('dl.pairs > div').filter({ hasText: new RegExp(`^generation${generation}$`) });
  await page.goto(`${url}/-/#/replicas/S1`);
  await shown(1).waitFor();
  const restart = await considered(page, () => buttonOf(page, 'Restart …').click(), [
    'Restart S1?',
    'A new worker starts and loads everything. Then the old one finishes what it runs, and the new one takes ' +
      'over S1 and its keys. What the old worker holds in memory is lost.',
    '0 requests wait there now, and 0 run.',
  ]);
  expect([changes, await generations()]).toEqual([[], [1, 1]]);
  await buttonOf(restart, 'Restart S1').click();
  await page.getByText('S1 is restarting.').waitFor();
  await shown(2).waitFor();
  await expect.poll(() => hasFocus(buttonOf(page, 'Restart …'))).toBe(true);
  await page.getByText('restarting', { exact: true }).waitFor({ state: 'detached' });
  expect(await generations()).toEqual([2, 1]);

  await goTo(page, '#/', 'Overview');
  const all = await considered(page, () => buttonOf(page, 'Restart all …').click(), [
    'Restart all replicas?',
    '2 replicas are restarted, one after the other: for each, a new worker starts and loads everything, the ' +
      'old one finishes what it runs, and the new one takes over. The next replica follows when all are ' +
      'ready. What the old workers hold in memory is lost.',
  ]);
  expect([changes.length, await generations()]).toEqual([1, [2, 1]]);
  await buttonOf(all, 'Restart all').click();
  await page.getByText('2 replicas will be restarted, one after the other.').waitFor();
  await expect.poll(generations, patience).toEqual([3, 2]);
  await expect.poll(() => page.getByRole('row').getByText('restarting').count(), patience).toBe(0);
  expect(faults).toEqual([]);
});

it('redrives and deletes selected dead letters, and all that match a filter', slow, async () => {
  const broken = `${workers.ledger()}.broken`;
  const [{ url }] = await Promise.all([
    system().start({ REPLICA_DRIVER: 'none', REPLICAS: '1' }),
    workers.start(system(), 'S1', { HANDLER: handlerOf('breakable'), BROKEN: broken }),
  ]);
  const letters = (): Promise<number> => system().redis.zcard(system().keys.deadLetters);
  const fail = async (count: number, path: string): Promise<void> => {
    await writeFile(broken, '');
    const before = await letters();
    await Promise.all(Array.from({ length: count }, () => submit(url, path, {}, 'POST')));
    await expect.poll(letters, patience).toBe(before + count);
  };
  await fail(3, '/other?status=501');
  await fail(102, '/orders?status=500');

  const page = await openPage();
  const [faults, changes] = [faultsOf(page), changesOf(page)];
  await page.goto(`${url}/-/#/dead-letters`);
  const selectAll = async (): Promise<void> => {
    await page.getByLabel('Code').selectOption('http_500');
    await page.getByText('100 shown').waitFor();
    await page.getByLabel('Select all shown').check();
    await buttonOf(page, 'Select all that match').click();
    await page.getByText('All that match selected').waitFor();
  };
  await selectAll();
  const redrive = await considered(page, () => buttonOf(page, 'Redrive …').click(), [
    'Redrive all that match?',
    'Each request runs again under a new id, at the replica that owns its key now. Its dead letter is ' +
      'deleted when the new request has been accepted.',
    '102 letters match.',
    '102 http_500',
    '102 S1',
    'POST /orders?status=500',
    'and others',
  ]);
  expect([changes, await letters()]).toEqual([[], 105]);
  // The question did not count this one.
  await fail(1, '/late?status=500');
  await rm(broken);
  await buttonOf(redrive, 'Redrive').click();
  await page.getByText('102 requests redriven.').waitFor();
  await expect.poll(async () => (await workers.runs()).length).toBe(102);
  expect(new Set(await workers.runs())).toEqual(new Set(['/orders']));
  await page.getByText('1 shown').waitFor();
  await page.getByRole('link', { name: 'POST /late' }).waitFor();
  expect(await letters()).toBe(4);
  await expect.poll(() => hasFocus(page.getByRole('heading', { level: 1 }))).toBe(true);

  await goTo(page, '#/dead-letters', 'Dead letters');
  await page.getByText('4 shown').waitFor();
  for (const place of [0, 1]) await page.getByLabel('Select POST /other').nth(place).check();
  const some = await considered(page, () => buttonOf(page, 'Delete …').click(), [
    'Delete 2 dead letters?',
    'The requests and their answers are gone then, and cannot be redriven.',
    'POST /other?status=501',
  ]);
  expect([changes.length, await letters()]).toEqual([1, 4]);
  await buttonOf(some, 'Delete').click();
  await page.getByText('2 dead letters deleted.').waitFor();
  await page.getByText('2 shown').waitFor();
  expect(await letters()).toBe(2);

  await fail(101, '/orders?status=500');
  await selectAll();
  const matching = await considered(page, () => buttonOf(page, 'Delete …').click(), [
    'Delete all that match?',
    'The requests and their answers are gone then, and cannot be redriven.',
    '102 letters match.',
    '102 http_500',
  ]);
  expect([changes.length, await letters()]).toEqual([3, 103]);
  await fail(1, '/late?status=500');
  await buttonOf(matching, 'Delete').click();
  await page.getByText('102 dead letters deleted.').waitFor();
  await page.getByText('1 shown').waitFor();
  expect(await letters()).toBe(2);
  expect(faults).toEqual([]);
});

it('offers a viewer no action', slow, async () => {
  const [{ url, adminUrl }] = await Promise.all([
    system().start({ ...tokens, REPLICA_DRIVER: 'none', REPLICAS: '1' }),
    workers.start(system(), 'S1', { HANDLER: handlerOf('flaky') }),
  ]);
  await submit(url, '/orders?fail=9&status=500', {}, 'POST');
  await expect.poll(() => system().redis.zcard(system().keys.deadLetters)).toBe(1);
  await submit(url, '/running?ms=60000', {}, 'POST');
  const page = await openPage();
  const [faults, changes] = [faultsOf(page), changesOf(page)];
  await page.goto(`${adminUrl}/-/`);
  await signIn(page, tokens.VIEW_TOKEN);
  const listed = await readApi<{ requests: readonly ListedRequestView[] }>(adminUrl, '/-/api/requests', {
    authorization: `Bearer ${tokens.VIEW_TOKEN}`,
  });
  const running = listed.requests
    .find(({ path }) => path === '/running')
    ?.self.split('/')
    .at(-1);
  const places: readonly (readonly [hash: string, heading: string, seen: Locator])[] = [
    ['#/', 'Overview', page.getByRole('row', { name: /^S1/ })],
    ['#/replicas/S1', 'Replica S1', page.getByText('generation')],
    [`#/requests/${running}`, 'POST /running', page.getByText('running').first()],
    ['#/dead-letters', 'Dead letters', page.getByText('1 shown')],
  ];
  for (const [hash, heading, seen] of places) {
    await goTo(page, hash, heading);
    await seen.waitFor();
    expect(await page.getByRole('button', { name: /…$|^Actions for/ }).count(), hash).toBe(0);
    expect(await page.getByRole('checkbox').count(), hash).toBe(0);
  }
  expect(changes).toEqual([]);
  expect(faults).toEqual([]);
});
