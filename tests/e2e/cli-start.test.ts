import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callCli, startCli } from '../fixtures/command-line.ts';
import { projectFolder } from '../fixtures/command.ts';
import { handlerFile, shareCompiledCode, useScratch } from '../fixtures/scratch.ts';
import { needsOneServer } from '../fixtures/several-servers.ts';

const scratch = useScratch();
const token = 'an-admin-token-in-a-config-file';

interface Environment {
  readonly own: Readonly<Record<string, string>>;
}

describe('ringpost start', () => {
  it('takes a flag before the environment, that before the config file, and passes them to workers', async () => {
    const folder = await scratch();
    await shareCompiledCode(folder.folder);
    const config = { PORT: 1, REPLICAS: 3, CONCURRENCY: 7, HASH_KEY: 'header:x-user', ADMIN_TOKEN: token };
    const file = `export default ${JSON.stringify({ ...config, UPSTREAM: 'http://127.0.0.1:9' })} as object;`;
    await writeFile(join(folder.folder, 'ringpost.config.ts'), file);
    const settings = { PORT: '2', REPLICAS: '2', HANDLER: handlerFile('environment'), HANDLR: 'x' };
    const command = startCli(folder, ['start', '--json', '--port', '0', '--replicas', '1'], settings);
    const line = await command.line(/^\{"message":"ringpost ready on /);
    const { url, adminUrl, message } = JSON.parse(line) as Record<string, string>;
    expect(adminUrl).toBe(url);
    expect(message).toContain('replicas S1;');
    // One warning, though there are a gateway and a worker.
    expect(command.stderr()).toBe(
      'ringpost: HANDLR is not a setting and is ignored; did you mean HANDLER?\n',
    );
    const response = await fetch(`${url}/`, { headers: { 'x-user': 'ada' } });
    const { own } = (await response.json()) as Environment;
    expect(own).toMatchObject({ REPLICA: 'S1', CONCURRENCY: '7', HASH_KEY: 'header:x-user' });
    expect(own['UPSTREAM']).toBeUndefined();
    // The secret is in effect, and no worker has it.
    expect(JSON.stringify(own)).not.toContain(token);
    expect((await fetch(`${url}/rep`)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/rep`, { headers })).status).toBe(200);
    command.kill('SIGTERM');
    expect(await command.exited).toEqual({ code: 0, signal: null });
  });

  it('refuses wrong settings of any source with exit code 2, all at once', async () => {
    const folder = await scratch();
    await writeFile(join(folder.folder, 'ringpost.config.json'), '{ "CONCURENCY": 5, "RING": "square" }');
    const misspelt = await callCli(folder, ['start']);
    expect(misspelt).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'ringpost: The settings cannot be used:\n' +
        '  ringpost.config.json: CONCURENCY is not a setting; did you mean CONCURRENCY?\n',
    });
    await writeFile(join(folder.folder, 'ringpost.config.json'), '{ "RING": "square" }');
    const wrong = await callCli(folder, ['start', '--replicas', '-1'], { PORT: 'http' });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toContain('\n  RING is "square"; it can be murmur3, assignment\n');
    expect(wrong.stderr).toContain('\n  PORT is "http"; it must be an integer\n');
    expect(wrong.stderr).toContain('\n  REPLICAS is "-1"; it must be from 0 to 10000');
    expect(await readdir(folder.folder)).toEqual(['ringpost.config.json']);
  });
});

describe('npm start and a worker', () => {
  it('warn of a misspelt variable, and --help fits in 80 columns', async () => {
    const { start, run } = await scratch();
    const gateway = start({ CONCURENCY: '5', RING: 'square' });
    expect((await gateway.exited).code).toBe(1);
    expect(gateway.stderr()).toMatch(
      /^ringpost: CONCURENCY is not a setting and is ignored; did you mean CONCURRENCY\?\nringpost: The sett/,
    );
    const worker = run(process.execPath, [join(projectFolder, 'worker/main.ts')], {
      REDIS_URL: 'redis://127.0.0.1:9',
      REPLICA: 'S1',
      REPLICAS: '3',
      UPSTRAEM: 'http://127.0.0.1:3000',
    });
    expect(await worker.line(/UPSTRAEM/)).toBe(
      'ringpost worker: UPSTRAEM is not a setting and is ignored; did you mean UPSTREAM?',
    );
    worker.kill('SIGKILL');
    const help = start({}, ['--help']);
    expect((await help.exited).code).toBe(0);
    expect(
      help
        .stdout()
        .split('\n')
        .filter((line) => line.length > 80),
    ).toEqual([]);
  });
});

describe('ringpost doctor', () => {
  it('says in sentences what is there and what is wrong, and exits with 1 if something failed', async () => {
    const folder = await scratch();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const fine = await callCli(folder, ['doctor'], { PORT: '0' });
    expect(fine).toMatchObject({ code: 0, stderr: '' });
    expect(fine.stdout).toMatch(/^ok {6}Node\.js v\d+\.\d+\.\d+ is new enough/);
    expect(fine.stdout).toMatch(
      /\nok {6}REDIS_URL is not set; a start runs a private Redis with .*, version \d/,
    );
    const settings = {
      PORT: String(port),
      REDIS_URL: 'redis://:hidden-4711@127.0.0.1:9',
      RING: 'square',
      HANDLR: 'x',
    };
    const called = await callCli(folder, ['doctor', '--json'], settings);
    server.close();
    expect(called).toMatchObject({ code: 1, stderr: '' });
    expect(called.stdout).not.toContain('hidden-4711');
    const { ok, checks } = JSON.parse(called.stdout) as { ok: boolean; checks: Record<string, string>[] };
    expect(ok).toBe(false);
    const found = (check: string): string[] =>
      checks.filter((each) => each['check'] === check).map(({ level, message }) => `${level}: ${message}`);
    expect(found('settings')).toEqual([
      'failed: RING is "square"; it can be murmur3, assignment',
      'warning: HANDLR is not a setting and is ignored; did you mean HANDLER?',
    ]);
    expect(found('redis')[0]).toMatch(/^failed: Redis at redis:\/\/\*\*\*@127\.0\.0\.1:9 cannot be used: /);
    expect(found('port')[0]).toMatch(
      new RegExp(`^failed: Port ${port} on 127\\.0\\.0\\.1 is taken by \\S+ \\(pid ${process.pid}\\)\\.$`),
    );
  });

  it('looks into the private Redis of a running system', async () => {
    needsOneServer('it is about the private Redis');
    const folder = await scratch();
    const { url } = await folder.startReady({ REPLICAS: '1' });
    const { port } = new URL(url);
    const { code, stdout } = await callCli(folder, ['doctor'], { PORT: port });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\nok {6}the private Redis redis:\/\/\*\*\*@127\.0\.0\.1:\d+ answers; it is version \d/,
    );
    expect(stdout).toContain('It writes an append-only file');
    expect(stdout).toContain(`Port ${port} on 127.0.0.1 is taken by a gateway of ringpost that answers: `);
  });
});

describe('ringpost init', () => {
  it('writes a handler that runs, a test and a compose file, and overwrites nothing', async () => {
    const folder = await scratch();
    await shareCompiledCode(folder.folder);
    const shop = join(folder.folder, 'shop');
    await mkdir(shop);
    await writeFile(join(shop, 'package.json'), '{ "type": "module", "scripts": { "dev": "mine" } }\n');
    const written = await callCli(folder, ['init', 'shop']);
    expect(written).toMatchObject({ code: 0, stderr: '' });
    expect(written.stdout).toContain('Wrote handler.ts, handler.test.ts, compose.yaml into shop.\n');
    expect(written.stdout).toContain('Added the scripts start, test to package.json.');
    expect(written.stdout).toContain('  npx ringpost dev handler.ts\n');
    const before = await readFile(join(shop, 'handler.ts'), 'utf8');
    const again = await callCli(folder, ['init', 'shop', '--json']);
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stdout)).toEqual({
      error: {
        code: 'exists',
        message: 'handler.ts, handler.test.ts, compose.yaml: already there; nothing was written',
      },
    });
    expect(await readFile(join(shop, 'handler.ts'), 'utf8')).toBe(before);
    expect(JSON.parse(await readFile(join(shop, 'package.json'), 'utf8'))).toMatchObject({
      scripts: { dev: 'mine', start: 'ringpost start --handler handler.ts' },
    });

    const command = startCli(folder, [
      'start',
      '--port',
      '0',
      '--replicas',
      '2',
      '--handler',
      'shop/handler.ts',
    ]);
    const [, url] = /ready on (\S+) /.exec(await command.line(/ready on/)) ?? [];
    const visit = async (): Promise<unknown> =>
      (await fetch(`${url}/hello`, { headers: { 'ringpost-key': 'tenant-7' } })).json();
    expect(await visit()).toMatchObject({ key: 'tenant-7', visits: 1 });
    expect(await visit()).toMatchObject({ key: 'tenant-7', visits: 2 });
  });
});
