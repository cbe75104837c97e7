import { access, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { devSystem, makeProject, startDev, writeProject } from '../fixtures/dev-system.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

const handler = (text: string): string => `export default () => new Response(${JSON.stringify(text)});\n`;

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** @returns the code frames in an output. */
const framesIn = (output: string): string[] => output.match(/\[ERROR\]/g) ?? [];

describe('the first load', () => {
  it.each([
    ['a file with wrong syntax', 'export default (;\n', 'handler.ts:1:16:'],
    ['a file that throws', "const a = 1;\nthrow new Error('no ' + a);\n", 'handler.ts:2:6:'],
    ['a file without a handler', 'export const a = 1;\n', 'handler.ts:1:0:'],
  ])('of %s shows one code frame and exits with 1 before anything is started', async (_, text, place) => {
    const project = await scratch();
    await makeProject(project, { 'handler.ts': text });
    const command = startDev(project, 'handler.ts');
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(framesIn(command.stderr())).toHaveLength(1);
    expect(command.stderr()).toContain(place);
    expect(command.stderr()).toContain('ringpost dev: handler.ts cannot be loaded');
    expect(command.stdout()).toBe('');
    expect(await exists(join(project.folder, '.ringpost', 'redis'))).toBe(false);
    expect(await readdir(join(project.folder, '.ringpost', 'dev'))).toEqual([]);
    await project.untilNothingRuns(2000);
  });

  it.each([
    [{}, 'there is no file missing.ts'],
    [{ REPLICA_DRIVER: 'docker' }, 'REPLICA_DRIVER is "docker"; ringpost dev runs replicas as processes'],
    [
      { ROLE: 'gateway', REDIS_URL: 'redis://127.0.0.1:1' },
      'ROLE is "gateway"; ringpost dev runs gateway and replicas',
    ],
    [{ UPSTREAM: 'http://127.0.0.1:3000' }, 'HANDLER and UPSTREAM are both set'],
    [
      { NODE_OPTIONS: `--import=${blockerOf('esbuild')}` },
      'ringpost dev needs esbuild, which is not installed: npm install --save-dev esbuild',
    ],
  ])('is refused in one sentence with %j', async (settings: NodeJS.ProcessEnv, sentence) => {
    const project = await scratch();
    await makeProject(project, { 'handler.ts': handler('v1') });
    const name = Object.keys(settings).length === 0 ? 'missing.ts' : 'handler.ts';
    const command = startDev(project, name, settings);
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(command.stderr()).toContain(sentence);
    expect(command.stderr()).not.toMatch(/^\s+at /m);
    expect(command.stdout()).toBe('');
  });
});

/** A module that makes a package look as if it were not installed. */
function blockerOf(name: string): string {
  const text = `import { registerHooks } from 'node:module';
registerHooks({ resolve(specifier, context, next) {
  if (specifier === '${name}' || specifier.includes('/node_modules/${name}/')) throw new Error('blocked');
  return next(specifier, context);
} });`;
  return `data:text/javascript,${encodeURIComponent(text)}`;
}

describe('a changed handler', () => {
  it('is reloaded, also if an imported file changes that was added later, or is replaced', async () => {
    const project = await scratch();
    const { untilText, lines, command } = await devSystem(project, { 'handler.ts': handler('v1') });
    await untilText('v1');
    await writeProject(project.folder, {
      'lib/text.ts': "export enum Text { New = 'v2' }\n",
      'handler.ts': "import { Text } from './lib/text.js';\nexport default () => new Response(Text.New);\n",
    });
    await lines(/^ringpost dev: handler.ts is reloaded/, 1);
    await untilText('v2');
    await writeFile(join(project.folder, 'lib/text.ts'), "export enum Text { New = 'v3' }\n");
    await lines(/^ringpost dev: handler.ts is reloaded/, 2);
    await untilText('v3');
    expect(framesIn(command.stderr())).toEqual([]);
  });

  it('is reloaded once for a burst of edits', async () => {
    const project = await scratch();
    const { untilText, lines, command } = await devSystem(project, { 'handler.ts': handler('v1') });
    for (let edit = 2; edit <= 21; edit += 1)
      await writeProject(project.folder, { 'handler.ts': handler(`v${edit}`) });
    await lines(/^ringpost dev: handler.ts is reloaded/, 1);
    await untilText('v21');
    expect(command.stdout().match(/has changed; reloading/g)).toHaveLength(1);
  });

  it('that cannot be loaded is shown as one code frame; the old one keeps serving until it is mended', async () => {
    const project = await scratch();
    const { untilText, lines, command } = await devSystem(project, { 'handler.ts': handler('v1') });
    const wrong = ['export default (;\n', "throw new Error('no');\n", 'export const a = 1;\n'];
    for (const [at, text] of wrong.entries()) {
      await writeProject(project.folder, { 'handler.ts': text });
      await lines(/^handler.ts is not reloaded: its last good version keeps serving$/, at + 1);
      expect(framesIn(command.stderr())).toHaveLength(at + 1);
      await untilText('v1');
    }
    await writeProject(project.folder, { 'handler.ts': handler('v2') });
    await lines(/^ringpost dev: handler.ts is mended; reloading/, 1);
    await lines(/^ringpost dev: handler.ts is reloaded/, 1);
    await untilText('v2');
    await writeProject(project.folder, { 'handler.ts': wrong[0] ?? '' });
    await lines(/is not reloaded/, 4);
    await writeProject(project.folder, { 'handler.ts': handler('v2') });
    await lines(/^ringpost dev: handler.ts is mended: it is the version that is running/, 1);
    await rm(join(project.folder, 'handler.ts'));
    await lines(/is not reloaded/, 5);
    await untilText('v2');
    await writeProject(project.folder, { 'handler.ts': handler('v3') });
    await lines(/^ringpost dev: handler.ts is mended; reloading/, 2);
    await untilText('v3');
  });

  it('that throws is logged with its own file and line', async () => {
    const { url, lines } = await devSystem(await scratch(), {
      'handler.ts': `enum Kind { A = 'a' }
interface Big { readonly x: number }
export default (): Response => {
  const none: { x?: Big } = {};
  return new Response(String(none.x!.x) + Kind.A);
};
`,
    });
    expect((await fetch(url)).status).toBe(500);
    await lines(/handler\.ts:5:3\d/, 1);
  });

  it('lets the old one finish its requests, also those that take longer than DRAIN_TIMEOUT_MS', async () => {
    const project = await scratch();
    const { url, untilText, lines } = await devSystem(
      project,
      {
        'handler.ts': `export default async () => {
  await new Promise((resolve) => setTimeout(resolve, 2500));
  return new Response('old');
};\n`,
      },
      { DRAIN_TIMEOUT_MS: '300', REPLICAS: '1' },
    );
    const slow = fetch(url, { method: 'POST' });
    await expect
      .poll(async () => (await fetch(`${url}/-/metrics`)).text())
      .toMatch(/^ringpost_waiting_requests 1$/m);
    await writeProject(project.folder, { 'handler.ts': handler('new') });
    await lines(/^ringpost dev: handler.ts has changed/, 1);
    const later = fetch(url, { method: 'POST' });
    expect(await (await slow).text()).toBe('old');
    expect((await later).status).toBe(200);
    await lines(/^ringpost dev: handler.ts is reloaded/, 1);
    await untilText('new');
  });

  it('is loaded at once by replicas that crashed again and again', async () => {
    const project = await scratch();
    const crashing = `import { existsSync } from 'node:fs';
const crash = (): void => {
  if (existsSync('crash')) process.exit(3);
};
crash();
setInterval(crash, 20);
`;
    const { url, untilText } = await devSystem(project, { 'handler.ts': `${crashing}${handler('v1')}` });
    await writeProject(project.folder, { crash: '' });
    interface Replica {
      readonly state: string;
      readonly failures: number;
    }
    const replicas = async (): Promise<readonly Replica[]> => {
      const ring = (await (await fetch(`${url}/-/ring`)).json()) as { replicas: Replica[] };
      return ring.replicas;
    };
    // The next starts would come seconds later.
    await expect
      .poll(async () => Math.min(...(await replicas()).map(({ failures }) => failures)), {
        timeout: 60_000,
        interval: 50,
      })
      .toBeGreaterThanOrEqual(3);
    await writeProject(project.folder, { 'handler.ts': handler('v2') });
    await untilText('v2');
    // A worker of the old version that was just being started may crash once more. The next worker starts
    // without a delay after one failure.
    const isLate = ({ state, failures }: Replica): boolean => state !== 'ready' || failures > 1;
    await expect
      .poll(async () => (await replicas()).filter(isLate), { timeout: 30_000, interval: 50 })
      .toEqual([]);
  });
});

it('warns once of each unknown Ringpost field in a request', async () => {
  const { url, lines, command } = await devSystem(
    await scratch(),
    { 'handler.ts': handler('v1') },
    { HASH_KEY: 'header:ringpost-tenant,random' },
  );
  const headers = { 'Ringpost-Prioriy': '1', 'ringpost-key': 'a', 'ringpost-tenant': 't', 'x-other': '1' };
  for (let request = 0; request < 3; request += 1) expect((await fetch(url, { headers })).status).toBe(200);
  await lines(
    /^ringpost dev: ringpost-prioriy is not a field that ringpost reads in a request; did you mean Ringpost-Priority/i,
    1,
  );
  expect(command.stderr().match(/is not a field/g)).toHaveLength(1);
});

describe('the end of the dev command', () => {
  it.each(['at rest', 'during a reload', 'during a preflight'])(
    'by Ctrl-C %s leaves nothing',
    async (when) => {
      const project = await scratch();
      const slow = 'await new Promise((resolve) => setTimeout(resolve, 5000));\n';
      const { command, lines } = await devSystem(
        project,
        { 'handler.ts': handler('v1') },
        {},
        { ownGroup: true },
      );
      if (when === 'during a reload') {
        await writeProject(project.folder, { 'handler.ts': handler('v2') });
        await lines(/has changed; reloading/, 1);
      }
      if (when === 'during a preflight') {
        const note = "import { writeFileSync } from 'node:fs';\nwriteFileSync('began', '');\n";
        await writeProject(project.folder, { 'handler.ts': `${note}${slow}${handler('v2')}` });
        await expect.poll(() => exists(join(project.folder, 'began')), { timeout: 15_000 }).toBe(true);
      }
      command.killGroup('SIGINT');
      expect(await command.exited).toEqual({ code: 0, signal: null });
      await project.untilNothingRuns(1000);
      expect(command.stderr()).toBe('');
      expect(await readdir(join(project.folder, '.ringpost', 'dev'))).toEqual([]);
    },
  );

  it('by SIGKILL leaves no process, and its folder is used again', async () => {
    const project = await scratch();
    const { command } = await devSystem(project, { 'handler.ts': handler('v1') });
    command.kill('SIGKILL');
    await command.exited;
    await project.untilNothingRuns(15_000);
    const next = startDev(project, 'handler.ts');
    await next.line(/^ringpost dev: watching/);
    expect(await readdir(join(project.folder, '.ringpost', 'dev'))).toEqual(['1']);
  });
});
