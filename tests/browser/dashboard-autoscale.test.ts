import { expect, it } from 'vitest';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import { readApi } from '../fixtures/api-calls.ts';
import { faultsOf, patience, useDashboard } from '../fixtures/dashboard-page.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const openPage = useDashboard();

it('shows what autoscaling wants and why, stops it and lets it go on, with a question first', async () => {
  const running = await system().start({ REPLICAS: '2', AUTOSCALE: '2..4' });
  const isEnabled = async (): Promise<boolean> =>
    (await readApi<AutoscaleView>(running.url, '/-/api/autoscale')).enabled;
  const page = await openPage();
  const faults = faultsOf(page);
  await page.goto(`${running.url}/-/`);
  const card = page.getByRole('region', { name: 'Autoscaling' });
  await card.getByText('on, 2 to 4 replicas').waitFor();
  await card.getByText('2 there').waitFor();
  const dialog = page.getByRole('dialog');
  await card.getByRole('button', { name: 'Stop autoscaling …' }).click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(await isEnabled()).toBe(true);
  await card.getByRole('button', { name: 'Stop autoscaling …' }).click();
  await dialog.getByRole('button', { name: 'Stop autoscaling', exact: true }).click();
  await card.getByText('stopped by an operator').waitFor();
  expect(await isEnabled()).toBe(false);
  await page.getByText('Autoscaling is stopped by an operator.').waitFor();
  await card.getByRole('button', { name: 'Let autoscaling go on …' }).click();
  await dialog.getByRole('button', { name: 'Let it go on' }).click();
  await card.getByText('on, 2 to 4 replicas').waitFor();
  await expect.poll(isEnabled, patience).toBe(true);
  expect(faults).toEqual([]);
}, 120_000);
