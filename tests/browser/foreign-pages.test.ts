import { describe, expect, it } from 'vitest';
import { ringOf } from '../fixtures/admin-calls.ts';
import { answersTo, atForeignHost, fetchFrom, outerAddress, useBrowser } from '../fixtures/browser.ts';
import { serve } from '../fixtures/http-server.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const openPage = useBrowser();
const reads = ['/rep', '/-/ring', '/-/dead-letters', '/-/metrics'];
const json = { 'content-type': 'application/json' };
const changes = [
  ['POST', '/add'],
  ['DELETE', '/rm'],
  ['POST', '/-/dead-letters/redrive?all=true'],
  ['DELETE', '/-/dead-letters?all=true'],
] as const;

/** Starts a gateway with S1, S2 and S3, but no worker. */
async function startLeased(env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  await leaseReplicas(system());
  // The browser asks for an icon, and no worker answers it.
  return system().start({ REPLICA_DRIVER: 'none', REPLY_TIMEOUT_MS: '500', ...env });
}

/** A page of another site. A click sends its form to `action` as text that is also JSON. */
function formPage(action: string, sandboxed = false): Promise<string> {
  const form =
    `<form method="post" enctype="text/plain" action="${action}">` +
    `<input name='{"n":1,"x":"' value='"}'><button>send</button></form>`;
  const quoted = form.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const page = sandboxed ? `<iframe sandbox="allow-forms" srcdoc="${quoted}"></iframe>` : form;
  return serve((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>elsewhere</title>${page}`);
  });
}

describe('a page whose host name was rebound to the gateway (DNS rebinding)', () => {
  it('cannot read the admin side', async () => {
    const { url } = await startLeased();
    const page = await openPage();
    await page.goto(atForeignHost(`${url}/-/live`));
    for (const path of reads) {
      const heard = await fetchFrom(page, path);
      expect([path, heard]).toMatchObject([path, { status: 403 }]);
      expect(JSON.stringify(heard)).not.toContain('S1');
      expect(JSON.stringify(heard)).toContain('ADMIN_HOSTS');
    }
  });

  it('cannot change anything', async () => {
    const { url } = await startLeased();
    const before = await ringOf(system());
    const page = await openPage();
    await page.goto(atForeignHost(`${url}/-/live`));
    for (const [method, path] of changes) {
      const heard = await fetchFrom(page, path, { method, headers: json, body: '{"n":1}' });
      expect([path, heard]).toMatchObject([path, { status: 403 }]);
    }
    expect(await ringOf(system())).toEqual(before);
  });
});

describe('a page of another site', () => {
  it.each([
    ['a form', false],
    ['a form in a sandbox, whose origin is null', true],
  ])('cannot change anything through %s', async (_, sandboxed) => {
    const { url } = await startLeased();
    const before = await ringOf(system());
    const page = await openPage();
    const answers = answersTo(page);
    await page.goto(atForeignHost(await formPage(`${url}/add`, sandboxed)));
    await (sandboxed ? page.frameLocator('iframe') : page).locator('button').click();
    await expect
      .poll(() => answers.filter(({ path }) => path === '/add'))
      .toEqual([{ method: 'POST', path: '/add', status: 403 }]);
    expect(await ringOf(system())).toEqual(before);
  });

  it('can neither change nor read anything by fetch without CORS', async () => {
    const { url } = await startLeased();
    const before = await ringOf(system());
    const page = await openPage();
    const answers = answersTo(page);
    await page.goto(atForeignHost(await formPage(url)));
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const headers = { 'content-type': type };
      const init = { method: 'POST', mode: 'no-cors', headers, body: '{"n":1}' } as const;
      await fetchFrom(page, `${url}/add`, init);
      await fetchFrom(page, `${url}/-/dead-letters/redrive?all=true`, init);
    }
    for (const path of reads) await fetchFrom(page, url + path, { mode: 'no-cors' });
    expect(answers.slice(1).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 403));
    expect(await ringOf(system())).toEqual(before);
  });

  it('can neither change nor read anything by fetch with CORS', async () => {
    const { url } = await startLeased();
    const before = await ringOf(system());
    const page = await openPage();
    await page.goto(atForeignHost(await formPage(url)));
    for (const [method, path] of changes) {
      const init = { method, headers: json, body: '{"n":1}' };
      expect(await fetchFrom(page, url + path, init)).toEqual({ error: 'TypeError' });
    }
    for (const path of reads) expect(await fetchFrom(page, url + path)).toEqual({ error: 'TypeError' });
    expect(await ringOf(system())).toEqual(before);
  });

  const outer = outerAddress();
  const notRun = outer ? '' : ' (not run: this machine has no other address)';
  it.skipIf(outer === undefined)(
    `cannot change anything off loopback, where browsers send no Sec-Fetch-Site${notRun}`,
    async () => {
      const { url } = await startLeased({ HOST: '0.0.0.0', ADMIN_AUTH: 'none' });
      const before = await ringOf(system());
      const page = await openPage();
      const answers = answersTo(page);
      const target = `http://${outer}:${new URL(url).port}`;
      await page.goto(atForeignHost(await formPage(`${target}/add`)));
      await page.locator('button').click();
      await expect.poll(() => answers.find(({ path }) => path === '/add')?.status).toBe(403);
      expect(await ringOf(system())).toEqual(before);
    },
  );
});
