import Fastify from 'fastify';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { dashboard } from '../../gateway/routes/dashboard.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';
import { call } from '../fixtures/admin-calls.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const script = `// ${'a'.repeat(3000)}\n`;
const page =
  '<!doctype html><title>built</title><script type="module" src="assets/app-4KQ2ZB7N.js"></script>';
const picture = randomBytes(2000);

/** Serves a built dashboard from a folder of the test. */
async function serve(env: NodeJS.ProcessEnv = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-dashboard-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), page);
  writeFileSync(join(folder, 'assets', 'app-4KQ2ZB7N.js'), script);
  writeFileSync(join(folder, 'assets', 'plain.css'), 'a{}');
  writeFileSync(join(folder, 'assets', 'picture.png'), picture);
  const app = Fastify();
  onTestFinished(() => app.close());
  const { admin: settings } = loadGatewayConfig(env);
  await app.register(dashboard, { settings, place: 'both', adminPort: () => undefined, folder });
  return app.listen({ host: '127.0.0.1', port: 0 });
}

describe('the dashboard', () => {
  it('is served with its types, and with a policy that lets nothing in from elsewhere', async () => {
    const url = await serve();
    const answer = await fetch(`${url}/-/`);
    expect(await answer.text()).toBe(page);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy':
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
    const types = {
      'app-4KQ2ZB7N.js': 'text/javascript',
      'plain.css': 'text/css',
      'picture.png': 'image/png',
    };
    for (const [name, type] of Object.entries(types)) {
      const file = await fetch(`${url}/-/assets/${name}`);
      expect([file.status, file.headers.get('content-type')?.split(';')[0]]).toEqual([200, type]);
      expect(file.headers.get('content-security-policy')).toContain("default-src 'self'");
      await file.arrayBuffer();
    }
  });

  it('is cached for good if a name has the hash of its content, and else asked for again', async () => {
    const url = await serve();
    const hashed = await call('GET', `${url}/-/assets/app-4KQ2ZB7N.js`);
    expect(hashed.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const plain = await call('GET', `${url}/-/assets/plain.css`);
    expect(plain.headers['cache-control']).toBe('no-cache');
    const { etag = '' } = plain.headers;
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    for (const match of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const again = await call('GET', `${url}/-/assets/plain.css`, { headers: { 'if-none-match': match } });
      expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    }
    const other = await call('GET', `${url}/-/assets/plain.css`, { headers: { 'if-none-match': '"x"' } });
    expect(other.status).toBe(200);
  });

  it('is compressed as the browser accepts it, each encoding with its own ETag', async () => {
    const url = await serve();
    const get = async (path: string, accepted: string) => {
      const headers = { 'accept-encoding': accepted };
      const answer = await rawBody(`${url}/-/assets/${path}`, headers);
      return {
        ...answer,
        encoding: answer.headers.get('content-encoding'),
        etag: answer.headers.get('etag'),
      };
    };
    const plain = await get('app-4KQ2ZB7N.js', 'identity');
    const br = await get('app-4KQ2ZB7N.js', 'gzip, deflate, br, zstd');
    const gzip = await get('app-4KQ2ZB7N.js', 'br;q=0, gzip;q=0.5');
    expect([plain.encoding, br.encoding, gzip.encoding]).toEqual([null, 'br', 'gzip']);
    expect(new Set([plain.etag, br.etag, gzip.etag]).size).toBe(3);
    expect([br, gzip].map(({ headers }) => headers.get('vary'))).toEqual([
      'Accept-Encoding',
      'Accept-Encoding',
    ]);
    expect(plain.body.toString()).toBe(script);
    expect(brotliDecompressSync(br.body).toString()).toBe(script);
    expect(gunzipSync(gzip.body).toString()).toBe(script);
    expect(br.body.length).toBeLessThan(200);
    const image = await get('picture.png', 'br');
    expect([image.encoding, sha256(image.body)]).toEqual([null, sha256(picture)]);
    expect((await get('plain.css', 'br')).encoding).toBeNull();
  });

  it('serves no file outside of its folder, and says so for files that are gone', async () => {
    const url = await serve();
    for (const path of [
      'assets/nothing.js',
      'assets/../../package.json',
      'assets/%2e%2e/index.html',
      'assets/',
    ])
      expect([path, (await call('GET', `${url}/-/${path}`)).status]).toEqual([path, 404]);
  });

  it('is not shown under a name that was rebound to this machine, unless a token is set', async () => {
    const headers = { host: 'evil.test' };
    const open = await serve();
    for (const path of ['/-/', '/-/assets/plain.css'])
      expect((await call('GET', open + path, { headers })).status).toBe(403);
    const named = await serve({ ADMIN_HOSTS: 'evil.test' });
    expect((await call('GET', `${named}/-/`, { headers })).status).toBe(200);
    const guarded = await serve({ ADMIN_TOKEN: '0123456789-of-ops' });
    expect((await call('GET', `${guarded}/-/`, { headers })).status).toBe(200);
  });
});

describe('with ADMIN_PORT', () => {
  const alone = {
    REPLICA_DRIVER: 'none',
    ROLE: 'gateway',
    ADMIN_PORT: '0',
    ADMIN_TOKEN: '0123456789-of-ops',
  };

  it('/-/ of the data port answers 404, and tells only a browser on this machine where the page is', async () => {
    const { url, adminUrl } = await system().start(alone);
    const here = await call('GET', `${url}/-/`);
    expect([here.status, here.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    expect(here.text).toContain(`href="${adminUrl}/-/"`);
    const { port } = new URL(adminUrl);
    for (const headers of [{ 'x-forwarded-for': '192.0.2.1' }, { host: '192.0.2.1' }] as const) {
      const { status, text } = await call('GET', `${url}/-/`, { headers: { ...headers } });
      expect([status, text.includes(port)]).toEqual([404, false]);
      expect(text).toContain('ADMIN_PORT');
    }
    expect((await call('GET', `${url}/-/assets/app.js`)).status).toBe(404);
  });

  it('the page is on that port, or it says how to build it', async () => {
    const { adminUrl } = await system().start(alone);
    const { status, text } = await call('GET', `${adminUrl}/-/`);
    if (status === 404) expect(text).toContain('npm run dashboard');
    else expect([status, text]).toEqual([200, expect.stringContaining('<!doctype html>')]);
    const short = await call('GET', `${adminUrl}/-`);
    expect([short.status, short.headers.location]).toEqual([308, '/-/']);
  });
});

async function rawBody(url: string, headers: Record<string, string>) {
  const { request } = await import('undici');
  const answer = await request(url, { headers });
  const body = Buffer.from(await answer.body.arrayBuffer());
  return { body, headers: new Headers(answer.headers as Record<string, string>) };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
