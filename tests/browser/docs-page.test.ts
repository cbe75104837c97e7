import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { successful } from '../fixtures/admin-calls.ts';
import { answersTo, outerAddress, useBrowser } from '../fixtures/browser.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const openPage = useBrowser();

/** Starts a gateway with S1, S2 and S3, but no worker. */
async function startLeased(env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  await leaseReplicas(system());
  return system().start({ REPLICA_DRIVER: 'none', REPLY_TIMEOUT_MS: '500', ...env });
}

/** Opens an entry of the page. */
async function open(page: Page, id: string) {
  const entry = page.locator(`#operations-${id}`);
  await entry.locator('.opblock-summary-control').click();
  await entry.getByRole('button', { name: 'Try it out' }).click();
  return entry;
}

describe('/-/docs', () => {
  it('has our name, starts with one entry for dispatched requests, and loads only its own files', async () => {
    const { url } = await startLeased();
    const page = await openPage();
    const loaded: string[] = [];
    const failed: string[] = [];
    page.on('request', (request) => loaded.push(request.url()));
    page.on('requestfailed', (request) => failed.push(request.url()));
    page.on('console', (message) => message.type() === 'error' && failed.push(message.text()));
    await page.goto(`${url}/-/docs`);
    await page.locator('#operations-replicas-listReplicas').waitFor();
    expect(await page.title()).toBe('ringpost: HTTP interface');
    expect(await page.locator('body').innerText()).not.toMatch(/swagger|fastify/i);
    expect(await page.locator('.opblock-tag-section').first().locator('.opblock').count()).toBe(1);
    expect(await page.locator('.opblock-summary-method').first().innerText()).toBe('ANY');
    expect(failed).toEqual([]);
    expect(loaded.filter((each) => !each.startsWith(url) && !each.startsWith('data:'))).toEqual([]);
  });

  it('tries a call out, and shows its answer', async () => {
    const { url } = await startLeased();
    const page = await openPage();
    await page.goto(`${url}/-/docs`);
    const entry = await open(page, 'replicas-listReplicas');
    const answered = page.waitForResponse(`${url}/rep`);
    await entry.getByRole('button', { name: 'Execute' }).click();
    expect(await (await answered).text()).toBe(successful(['S1', 'S2', 'S3']));
    const table = entry.locator('.live-responses-table');
    await table.locator('.response-col_status', { hasText: '200' }).waitFor();
    expect(await table.innerText()).toContain('"S3"');
  });

  it('sends the dispatched request that it shows: method, path with slashes and query, fields, body', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const page = await openPage();
    await page.goto(`${url}/-/docs`);
    const entry = await open(page, 'dispatch-dispatch');
    const field = (name: string) => entry.locator(`tr[data-param-name="${name}"]`);
    await field('x-page-method').locator('select').selectOption('PUT');
    await field('path').locator('input').fill('carts/7/items?n=2&q=a b');
    await field('Ringpost-Key').locator('input').fill('ada');
    await entry.locator('.body-param textarea, textarea.body-param__text').first().fill('two apples');
    const answers = answersTo(page);
    await entry.getByRole('button', { name: 'Execute' }).click();
    await expect.poll(() => upstream.got.length, { timeout: 30_000 }).toBe(1);
    const [got] = upstream.got;
    expect([got?.method, got?.url, got?.body.toString()]).toEqual([
      'PUT',
      '/carts/7/items?n=2&q=a%20b',
      'two apples',
    ]);
    const fields = (got?.headers ?? []).map((each) => each.toLowerCase());
    expect(fields).toContain('ringpost-key');
    expect(fields).not.toContain('x-page-method');
    await expect.poll(() => answers.map(({ method }) => method)).toEqual(['PUT']);
    const shown = await entry.locator('.request-url').innerText();
    expect(shown).toContain('/carts/7/items?n=2&q=a%20b');
    expect(await entry.locator('.curl-command').innerText()).toMatch(/-X '?PUT'?/);
  });

  it('has no serious fault for people who see less, by axe', async () => {
    const { url } = await startLeased();
    const page = await openPage();
    await page.goto(`${url}/-/docs`);
    await page.locator('#operations-replicas-listReplicas').waitFor();
    await open(page, 'replicas-addReplicas');
    await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
    const found = await page.evaluate<{ id: string; impact: string; targets: string[]; why: string }[]>(
      `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
        .map(({ id, impact, nodes }) => ({ id, impact, why: nodes[0].failureSummary,
          targets: nodes.slice(0, 40).map(({ target }) => target.join(' ')) })))`,
    );
    const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious).toEqual([]);
  });
});

const outer = outerAddress();
const notRun = outer ? '' : ' (not run: this machine has no other address)';
it.skipIf(outer === undefined)(`/-/docs works over plain http off loopback${notRun}`, async () => {
  const { url } = await startLeased({ HOST: '0.0.0.0', ADMIN_TOKEN: 'a-token-of-the-test' });
  const page = await openPage();
  const failed: string[] = [];
  page.on('requestfailed', (request) => failed.push(request.url()));
  await page.goto(`http://${outer}:${new URL(url).port}/-/docs`);
  await page.locator('#operations-replicas-listReplicas').waitFor();
  expect(failed).toEqual([]);
});
