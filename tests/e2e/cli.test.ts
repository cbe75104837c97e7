import { once } from 'node:events';
import { createServer } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callCli, callInTerminal } from '../fixtures/command-line.ts';
import type { Called } from '../fixtures/command-line.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import type { Scratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const token = 'an-admin-token-of-the-test';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

/** @returns a function that calls commands for one gateway. */
const callerOf =
  (folder: Scratch, url: string) =>
  (...args: string[]): Promise<Called> =>
    callCli(folder, args, { RINGPOST_URL: url });

const documentOf = ({ stdout, code }: Called): unknown => ({ code, document: JSON.parse(stdout) as unknown });

describe('a running system', () => {
  it('is listed, grown, shrunk and explained, for people and as JSON', async () => {
    const folder = await scratch();
    const { url } = await folder.startReady({ REPLICAS: '2' });
    const call = callerOf(folder, url);

    const listed = await call('ls');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(
      /^REPLICA {2}STATE {2}SINCE {2}GENERATION {2}FAILURES\nS1 {7}ready {2}\d+s +1 {11}0\nS2 .*\n\nDashboard: http:\S+\/-\/\n$/,
    );
    expect(documentOf(await call('ls', '--json'))).toMatchObject({
      code: 0,
      document: {
        replicas: [
          { name: 'S1', state: 'ready', generation: 1, failures: 0, inRing: true, reason: null, stderr: [] },
          { name: 'S2' },
        ],
        trouble: null,
      },
    });

    expect(await call('add', 'S7', '-n', '1')).toEqual({
      code: 0,
      stdout: 'Added S7. The replicas are S1 S2 S7.\n',
      stderr: '',
    });
    expect(documentOf(await call('rm', 'S7', '--json'))).toEqual({
      code: 0,
      document: { removed: ['S7'], replicas: ['S1', 'S2'] },
    });
    const refused = await call('add', '-n', '1', 'S8', 'S9');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^ringpost: Length of hostname list is more than newly added instances.*\n$/,
    );

    const ring = await call('ring');
    expect(ring.stdout).toMatch(/^strategy +murmur3\nvirtualNodes +160\n/);
    expect(ring.stdout).toMatch(/\nS1 +ready +yes +1 +1 +-?\d+ ms\n/);
    expect(documentOf(await call('ring', '--json'))).toMatchObject({
      document: { parameters: { strategy: 'murmur3' }, replicas: [{ name: 'S1', joined: 1 }, {}] },
    });

    const response = await fetch(`${url}/home`, { headers: { 'ringpost-key': 'tenant-7' } });
    const owner = response.headers.get('ringpost-replica');
    const explained = await call('explain', 'tenant-7');
    expect(explained.stdout).toContain(`owner         ${owner}\n`);
    expect(documentOf(await call('explain', 'tenant-7', '--json'))).toMatchObject({
      document: { key: 'tenant-7', owner },
    });
  });

  it('shows its requests and dead letters, for people and as JSON', async () => {
    const folder = await scratch();
    const { url } = await folder.startReady({ REPLICAS: '1' });
    const call = callerOf(folder, url);
    const submit = async (path: string): Promise<string> => {
      const headers = { prefer: 'respond-async', 'x-api-key': 'hidden-4711' };
      const response = await fetch(`${url}${path}`, { method: 'POST', body: 'order 7', headers });
      return ((await response.json()) as { id: string }).id;
    };
    // No token: the requests of callers with an API key are theirs alone.
    expect((await call('requests', await submit('/echo'))).stderr).toMatch(
      /^ringpost: Nothing is known of .*\n$/,
    );

    const response = await fetch(`${url}/home`, { headers: { prefer: 'respond-async' } });
    const { id } = (await response.json()) as { id: string };
    const ended = await call('requests', id, '--wait', '20');
    expect(ended.stdout).toMatch(
      new RegExp(`^request +${id.replaceAll('.', String.raw`\.`)}\nstate +done\n`),
    );
    expect(documentOf(await call('requests', id, '--json'))).toMatchObject({
      document: { id, state: 'done' },
    });
    const body = '{"message":"Hello from Server: S1","status":"successful"}';
    expect(await call('requests', id, '--reply')).toEqual({ code: 0, stdout: body, stderr: '' });
    expect(documentOf(await call('requests', id, '--reply', '--json'))).toMatchObject({
      document: { status: 200, encoding: 'utf8', body },
    });
    expect(await call('requests', id, '--cancel')).toMatchObject({ code: 1, stdout: '' });
    expect(documentOf(await call('requests', '--limit', '1', '--json'))).toMatchObject({
      code: 0,
      document: { requests: [{ id, state: 'done', path: '/home', replica: 'S1', status: 200 }] },
    });
    expect((await call('requests', '--state', 'done')).stdout).toMatch(
      /^REQUEST +STATE +STATUS +WHAT .*\n.* done +200 +GET \/home +S1 +1 +\d+s\n/,
    );
    expect(await call('requests', '--reply')).toMatchObject({ code: 2, stdout: '' });
    expect(await call('requests', id, '--state', 'done')).toMatchObject({ code: 2, stdout: '' });

    expect((await call('dlq', 'ls')).stdout).toBe('There are no dead letters that match.\n');
    const failed = [await submit('/fail'), await submit('/fail'), await submit('/fail')];
    await expect
      .poll(async () => JSON.parse((await call('dlq', 'ls', '--json')).stdout), { timeout: 20_000 })
      .toMatchObject({ letters: [{ code: 'http_500' }, {}, {}], more: false });
    const [letter = ''] = failed;
    expect((await call('dlq', 'ls', '--code', 'http_500', '--limit', '2')).stdout).toContain(
      'There are more; raise --limit, or give a filter.',
    );
    const shown = await call('dlq', 'show', letter);
    expect(shown.stdout).toMatch(/\nnot kept +x-api-key\n/);
    expect(shown.stdout).toContain('\nPOST /fail\n');
    expect(shown.stdout).toContain('order 7');
    expect(shown.stdout).not.toContain('hidden-4711');
    expect(documentOf(await call('dlq', 'show', letter, '--json'))).toMatchObject({
      document: { id: letter, missingHeaders: ['x-api-key'] },
    });
    const incomplete = await call('dlq', 'redrive', letter, '--json');
    expect(documentOf(incomplete)).toMatchObject({
      code: 1,
      document: { error: { code: 'request_malformed', status: 400 } },
    });
    const redriven = await call('dlq', 'redrive', letter, '-H', 'x-api-key: hidden-4711');
    expect(redriven).toMatchObject({ code: 0, stderr: '' });
    expect(redriven.stdout).toMatch(new RegExp(`^${letter} runs again as .*\nRedriven 1, refused 0\\.\n$`));
    const all = await call('dlq', 'redrive', '--all', '--json');
    expect(documentOf(all)).toMatchObject({ code: 1, document: { redriven: [] } });
    expect((await call('dlq', 'rm')).code).toBe(2);
    expect(documentOf(await call('dlq', 'rm', failed[1] ?? '', '--json'))).toEqual({
      code: 0,
      document: { deleted: 1 },
    });
    expect((await call('dlq', 'rm', '--code', 'http_500')).stdout).toMatch(
      /^Deleted [12] dead letters?\.\n$/,
    );
  });

  it('has colours in a terminal only, and none with NO_COLOR', async () => {
    const folder = await scratch();
    const { url } = await folder.startReady({ REPLICAS: '1' });
    const settings = { RINGPOST_URL: url };
    const green = '\u001B[32mready\u001B[39m';
    expect(await callInTerminal(folder, ['ls'], settings)).toContain(green);
    expect(await callInTerminal(folder, ['ls'], { ...settings, NO_COLOR: '1' })).not.toContain('\u001B');
    expect(await callInTerminal(folder, ['ls', '--json'], settings)).not.toContain('\u001B');
    for (const command of [['ls'], ['ring'], ['doctor'], ['--help'], ['lss']])
      expect(JSON.stringify(await callCli(folder, command, settings))).not.toContain(String.raw`\u001b`);
    const forced = await callCli(folder, ['ls'], { ...settings, FORCE_COLOR: '1' });
    expect(forced.stdout).toContain(green);
  });

  it('whose handler cannot be loaded shows why', async () => {
    const folder = await scratch();
    const file = join(folder.folder, 'handler.mjs');
    await writeFile(file, 'throw new Error("no model at \\u001b[2J/models");\n');
    const port = await freePort();
    folder.start({ HANDLER: file, REPLICAS: '1', PORT: String(port) });
    const call = callerOf(folder, `http://127.0.0.1:${port}`);
    const listed = async (): Promise<unknown> => {
      const { code, stdout } = await call('ls', '--json');
      return code === 0 ? JSON.parse(stdout) : undefined;
    };
    await expect.poll(listed, { timeout: 60_000 }).toMatchObject({
      replicas: [
        {
          name: 'S1',
          reason: expect.any(String),
          stderr: expect.arrayContaining([expect.stringContaining('no model at')]),
        },
      ],
    });
    // Of a new death, the reason is noted before its stderr.
    const shown = async (): Promise<string> => (await call('ls')).stdout;
    await expect
      .poll(shown, { timeout: 60_000 })
      .toMatch(/\nS1: .*no model at.*; the last lines of its stderr:\n {2}.*/);
    expect(await shown()).not.toContain('\u001B');
  });
});

describe('a system with a token', () => {
  it('takes it from a flag, the environment or a file, and from a list with names', async () => {
    const folder = await scratch();
    const file = join(folder.folder, 'token');
    await writeFile(file, `${token}\n`);
    const { url } = await folder.startReady({ REPLICAS: '1', ADMIN_TOKEN: token });
    const call = (args: readonly string[], settings: NodeJS.ProcessEnv = {}): Promise<Called> =>
      callCli(folder, [...args, '--url', url], settings);
    const none = await call(['ls']);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toMatch(/^ringpost: the gateway does not accept the token.*ADMIN_TOKEN_FILE.*\n$/);
    const wrong = await call(['ls', '--json', '--token', 'wrong-token-of-the-test']);
    expect(documentOf(wrong)).toMatchObject({
      code: 1,
      document: { error: { code: 'unauthorized', status: 401 } },
    });
    expect(JSON.stringify(wrong)).not.toContain('wrong-token');
    expect((await call(['ls', '--token', token])).code).toBe(0);
    expect((await call(['ls'], { ADMIN_TOKEN: `ops:${token},ci:0123456789abcdef` })).code).toBe(0);
    expect((await call(['ls'], { ADMIN_TOKEN_FILE: file })).code).toBe(0);
    const missing = await call(['ls'], { ADMIN_TOKEN_FILE: '/nowhere' });
    expect(missing).toMatchObject({ code: 2, stdout: '' });
    expect(missing.stderr).toContain('ADMIN_TOKEN_FILE is "/nowhere"; it cannot be read');
  });

  it('with ADMIN_PORT is changed through its admin side only, and its app gets no admin call', async () => {
    const folder = await scratch();
    const settings = { REPLICAS: '1', ADMIN_TOKEN: token, ADMIN_PORT: '0', HANDLER: handlerFile('echo') };
    const { url, stdout } = await folder.startReady(settings);
    const adminUrl = /admin (\S+);/.exec(stdout())?.[1] ?? '';
    const given = { ADMIN_TOKEN: token, RINGPOST_URL: url };
    const astray = await callCli(folder, ['add'], given);
    expect(astray).toMatchObject({ code: 1, stdout: '' });
    expect(astray.stderr).toContain('--admin-url');
    const added = await callCli(folder, ['add', 'S2', '--admin-url', adminUrl], given);
    expect(added.stdout).toBe('Added S2. The replicas are S1 S2.\n');
  });
});

describe('without a gateway', () => {
  it('a command says that none answers, with exit code 3', async () => {
    const folder = await scratch();
    const server = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const other = await callCli(folder, ['ls', '--url', url]);
    server.close();
    await once(server, 'close');
    expect(other).toMatchObject({ code: 3, stdout: '' });
    expect(other.stderr).toContain(`what answers at ${url} is not a ringpost gateway`);
    const none = await callCli(folder, ['ls', '--url', url]);
    expect(none).toEqual({
      code: 3,
      stdout: '',
      stderr:
        `ringpost: no gateway answers at ${url}; start one with \`ringpost start\`, or give its address ` +
        'with --url\n',
    });
    const json = await callCli(folder, ['explain', 'k', '--json'], { RINGPOST_URL: url });
    expect(json.stderr).toBe('');
    expect(documentOf(json)).toMatchObject({ code: 3, document: { error: { code: 'no_gateway' } } });
  });
});

describe('a wrong command line', () => {
  it.each([
    [['lss'], "unknown command 'lss'; did you mean ls?"],
    [['ls', '--jsno'], "unknown option '--jsno'; did you mean --json?"],
    [['dlq', 'redirve'], "unknown command 'redirve'; did you mean redrive?"],
    [['start', '--prot', '5000'], "unknown option '--prot'; did you mean --port?"],
    [['rm'], 'nothing to remove: name replicas, or give a number with -n'],
    [
      ['add', '-n', 'two'],
      "argument 'two' is invalid. It must be a whole number above 0; see `ringpost add --help`",
    ],
    [['ls', '--url', 'localhost:5000'], 'it must be a URL such as http://127.0.0.1:5000'],
    [['ls', '--url', 'http://user:hidden-4711@localhost'], '--url has a user or a password'],
    [['dev', 'gone.ts'], 'there is no file "gone.ts"; name the handler: ringpost dev handler.ts'],
  ])('%j is refused with exit code 2', async (args, words) => {
    const folder = await scratch();
    const called = await callCli(folder, args);
    expect(called).toMatchObject({ code: 2, stdout: '' });
    expect(called.stderr).toContain(words);
    expect(called.stderr).not.toMatch(/hidden-4711|\n {4}at /);
  });

  it('is reported as JSON with --json', async () => {
    const folder = await scratch();
    expect(documentOf(await callCli(folder, ['lss', '--json']))).toEqual({
      code: 2,
      document: { error: { code: 'usage', message: "unknown command 'lss'; did you mean ls?" } },
    });
    expect(documentOf(await callCli(folder, ['rm', '--json']))).toMatchObject({
      code: 2,
      document: { error: { code: 'usage' } },
    });
  });
});
