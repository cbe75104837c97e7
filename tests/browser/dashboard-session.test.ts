import { expect, it } from 'vitest';
import { desiredOf } from '../fixtures/admin-calls.ts';
import { answersTo, fetchFrom, useBrowser } from '../fixtures/browser.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const openPage = useBrowser();
const token = 'a-token-of-the-test';

it('a page of a replica can neither read nor change anything by the cookie of the dashboard', async () => {
  await leaseReplicas(system());
  const settings = { REPLICA_DRIVER: 'none', ADMIN_PORT: '0', ADMIN_TOKEN: token };
  const { url, adminUrl } = await system().start(settings);
  const page = await openPage();
  // It needs no built dashboard.
  await page.goto(`${adminUrl}/-/openapi.json`);
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ token });
  const signedIn = await fetchFrom(page, '/-/api/session', { method: 'POST', headers, body });
  expect(signedIn).toMatchObject({ status: 200 });
  const [cookie] = await page.context().cookies(`${adminUrl}/-/`);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/-/', secure: false });
  expect(await page.evaluate('document.cookie')).toBe('');
  expect(await fetchFrom(page, '/-/ring')).toMatchObject({ status: 200 });

  await page.goto(`${url}/-/live`);
  const answers = answersTo(page);
  const init = { mode: 'no-cors', credentials: 'include' } as const;
  await fetchFrom(page, `${adminUrl}/-/ring`, init);
  await fetchFrom(page, `${adminUrl}/add`, { ...init, method: 'POST', body: '{"n":1}' });
  await fetchFrom(page, `${adminUrl}/-/dead-letters/redrive?all=true`, { ...init, method: 'POST' });
  await expect.poll(() => answers.map(({ status }) => status)).toHaveLength(3);
  for (const { path, status } of answers) expect([path, [401, 403].includes(status)]).toEqual([path, true]);
  expect(await fetchFrom(page, `${adminUrl}/-/ring`, { credentials: 'include' })).toEqual({
    error: 'TypeError',
  });
  expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S3']);
});
