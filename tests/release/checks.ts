import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { startPrivateRedis } from '../../gateway/redis/private-redis.ts';
import { findOrInstallRedis } from '../../gateway/redis/redis-binary.ts';
import { projectFolder } from '../fixtures/command.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import type { Packed } from './build.ts';
import { pages } from './pages.ts';
import { outputOf } from './project.ts';
import type { Project } from './project.ts';
import type { Tally } from './tally.ts';

/** Bytes that the tarball may have, those of the dashboard included. */
const maxBytes = 700_000;

/** Checks what is in the tarball. */
export async function checkTarball(tally: Tally, { bytes, file }: Packed): Promise<void> {
  const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' }).trim().split('\n');
  await tally.check('the tarball has less than 700 kB', () => {
    assert.ok(bytes < maxBytes, `${bytes} bytes`);
    return `${(bytes / 1000).toFixed(0)} kB, ${names.length} files`;
  });
  await tally.check('the tarball has code, types and texts, and nothing else', () => {
    const others = names.filter((name) => !/\.(?:js|d\.ts|lua|html|css|svg)$/.test(name));
    const licenses = 'gateway/dashboard/dist/licenses.txt';
    const texts = ['CHANGELOG.md', 'LICENSE', 'package.json', licenses, ...pages];
    assert.deepEqual(others.toSorted(), texts.map((name) => `package/${name}`).toSorted());
    assert.deepEqual(
      names.filter((name) => /\btests?\//.test(name)),
      [],
    );
  });
}

/** Checks everything that needs a Node.js of one version. */
export async function checkProject(
  tally: Tally,
  project: Project,
  { label, tarball, options, version }: ProjectCheck,
): Promise<void> {
  const check = (name: string, act: () => Promise<string | void> | string | void): Promise<void> =>
    tally.check(`${label}: ${name}`, act);
  await check(`installs with ${['npm install', ...options].join(' ')}`, () => {
    const said = project.install(tarball, options);
    assert.doesNotMatch(said, /EBADENGINE/, said);
    const { megabytes, withScripts } = project.installed();
    assert.ok(!withScripts.includes('ringpost'));
    const scripts = withScripts.join(', ') || 'none';
    return `node_modules has ${megabytes.toFixed(1)} MB; packages with install scripts: ${scripts}`;
  });
  await check('ringpost --version, --help', async () => {
    assert.equal(await outputOf(project.ringpost(['--version'])), `${version}\n`);
    const help = await outputOf(project.ringpost(['--help']));
    assert.match(help, /^Usage: ringpost/);
    assert.ok(help.split('\n').every((line) => line.length <= 80));
  });
  await check('ringpost start runs a handler, and ls lists its replicas', () => checkStart(project));
  await check('ringpost start without dockerode says how to install it', async () => {
    const command = project.ringpost(['start'], { PORT: '0', NAMESPACE: 'docker', REPLICA_DRIVER: 'docker' });
    await command.exited;
    assert.match(command.stderr(), /npm install dockerode/);
  });
  await check('ringpost dev without esbuild says how to install it', async () => {
    const command = project.ringpost(['dev', 'handler.ts'], { PORT: '0' });
    await command.exited;
    assert.match(command.stderr(), /npm install --save-dev esbuild/);
  });
  await check('ringpost dev runs a handler', () => checkDev(project));
  await check('a test of the user with ringpost/testing', async () => {
    const said = await outputOf(project.node(['--test', 'visits.test.ts']));
    assert.match(said, /pass 1\b/);
  });
  await check('createGateway', async () =>
    assert.equal(await outputOf(project.node(['gateway.ts'])), 'S1 at http://127.0.0.1:<port>\n'),
  );
  await check('createWorker', () => checkWorker(project));
  await check('the client', async () =>
    assert.equal(await outputOf(project.node(['client.ts'])), "200 [ 'S1', 'S2' ]\n"),
  );
  await check('CommonJS', async () =>
    assert.equal(await outputOf(project.node(['app.cjs'])), 'from CommonJS\n'),
  );
  await check('nothing is left running', () => project.untilNothingRuns());
}

export interface ProjectCheck {
  readonly label: string;
  readonly tarball: string;
  /** Of `npm install`. */
  readonly options: readonly string[];
  readonly version: string;
}

async function checkStart(project: Project): Promise<void> {
  const command = project.ringpost(['start'], {
    HANDLER: 'handler.ts',
    PORT: '0',
    REPLICAS: '2',
    NAMESPACE: 'start',
  });
  const url = await urlOf(command);
  const response = await fetch(`${url}/visit`, { headers: { 'ringpost-key': 'ada' } });
  const visit = (await response.json()) as { key: string; count: number };
  assert.deepEqual([response.status, visit.key, visit.count], [200, 'ada', 1]);
  const listed = await outputOf(project.ringpost(['ls', '--url', url]));
  for (const replica of ['S1', 'S2']) assert.match(listed, new RegExp(`\\b${replica}\\b.*ready`));
  const page = await fetch(`${url}/-/docs`);
  assert.equal(page.status, 404);
  assert.match(await page.text(), /npm install @fastify\/swagger-ui/);
  assert.equal((await fetch(`${url}/-/openapi.json`)).status, 200);
  await checkDashboard(url);
  command.kill('SIGTERM');
  await outputOf(command);
}

/** The page and all files that it names. */
async function checkDashboard(url: string): Promise<void> {
  const page = await fetch(`${url}/-/`);
  assert.equal(page.status, 200);
  const files = [...(await page.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
  assert.ok(files.length >= 3, files.join(' '));
  for (const file of files) assert.equal((await fetch(new URL(file, `${url}/-/`))).status, 200, file);
}

/** With the repository's esbuild, as if it was installed. */
async function checkDev(project: Project): Promise<void> {
  for (const name of ['esbuild', '@esbuild']) project.link(name);
  const command = project.ringpost(['dev', 'handler.ts'], { PORT: '0', REPLICAS: '1', NAMESPACE: 'dev' });
  const line = await command.line(/ready on http/);
  const [url = ''] = /http:[^\s(),;]+/.exec(line) ?? [];
  assert.equal((await fetch(`${url}/visit`)).status, 200);
  command.kill('SIGTERM');
  await command.exited;
}

/** A worker in the user's process, and a gateway that starts none. */
async function checkWorker(project: Project): Promise<void> {
  const log = (): void => undefined;
  const binary = await findOrInstallRedis({ env: process.env, mayInstall: false, log });
  const redis = await startPrivateRedis({ directory: join(project.folder, 'own-redis'), binary, log });
  const settings = { REDIS_URL: redis.url, REPLICAS: '1', PORT: '0', REPLICA_DRIVER: 'none' };
  const worker = project.node(['worker.ts'], settings);
  const gateway = project.ringpost(['start'], settings);
  try {
    const url = await urlOf(gateway);
    assert.equal(await (await fetch(`${url}/x`)).text(), 'S1 was asked for /x\n');
    worker.kill('SIGTERM');
    assert.equal(await outputOf(worker), 'the worker ended: stopped\n');
    gateway.kill('SIGTERM');
    await outputOf(gateway);
  } finally {
    worker.kill('SIGKILL');
    gateway.kill('SIGKILL');
    await redis.stop();
  }
}

async function urlOf(command: RunningCommand): Promise<string> {
  const line = await command.line(/^ringpost .*ready on/);
  return /ready on (\S+)/.exec(line)?.[1] ?? '';
}

/** Checks the types as a user's compiler sees them, those of the package's declarations included. */
export async function checkTypes(tally: Tally, project: Project): Promise<void> {
  const tsc = join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const moduleResolution of ['nodenext', 'bundler'])
    await tally.check(`the types, with moduleResolution ${moduleResolution}`, async () => {
      const config = {
        compilerOptions: {
          target: 'es2023',
          lib: ['es2023'],
          module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
          moduleResolution,
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          noEmit: true,
          types: ['node'],
          typeRoots: [join(projectFolder, 'node_modules', '@types')],
        },
        include: ['*.ts'],
      };
      project.write('tsconfig.json', JSON.stringify(config));
      await outputOf(project.node([tsc, '-p', '.']));
    });
}
