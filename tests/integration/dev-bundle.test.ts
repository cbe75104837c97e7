import { mkdtemp, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { describe, expect, it, onTestFinished } from 'vitest';
import { watchHandler } from '../../gateway/dev/bundler.ts';
import type { Build } from '../../gateway/dev/build.ts';
import { Frames } from '../../gateway/dev/frames.ts';
import { OutputFiles } from '../../gateway/dev/output-files.ts';
import { preflight } from '../../gateway/dev/preflight.ts';
import { compileCache, projectFolder } from '../fixtures/command.ts';
import { writeProject } from '../fixtures/dev-system.ts';

/** What is known of a handler in a project of its own. */
interface Looked {
  readonly folder: string;
  /** The code frame of what is wrong; undefined if the handler can be loaded. */
  readonly fault: string | undefined;
  /** What it wrote while it was loaded. */
  readonly build: Build;
}

/** Bundles and loads a handler as the dev command does. */
async function look(files: Readonly<Record<string, string>>, name = 'handler.ts'): Promise<Looked> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ringpost-bundle-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await symlink(join(projectFolder, 'node_modules'), join(folder, 'node_modules'));
  await writeProject(folder, { 'package.json': '{ "name": "project", "type": "commonjs" }', ...files });
  const file = join(folder, name);
  const output = OutputFiles.claim(folder);
  const built = Promise.withResolvers<Build>();
  const watch = { esbuild, file, cwd: folder, folder: output.folder, onBuild: built.resolve };
  const unwatch = await watchHandler(watch);
  onTestFinished(unwatch);
  const build = await built.promise;
  const frames = new Frames({ esbuild, file, cwd: folder, color: false });
  if (build.code === undefined) return { folder, fault: frames.ofErrors(build.errors), build };
  const path = output.write(build.code, () => false);
  const env = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache };
  const never = new AbortController().signal;
  const { fault, ended } = await preflight(path, { env, timeoutMs: 20_000 }, never);
  await ended;
  return { folder, fault: fault && frames.ofFault(fault, path), build };
}

/** A handler that can be loaded only if the condition holds. */
const handlerIf = (condition: string): string =>
  `if (!(${condition})) throw new Error('not: ' + ${JSON.stringify(condition)});
export default () => new Response();
`;

describe('a handler in a file', () => {
  const esm = 'export default () => new Response();\n';
  it.each([
    ['handler.js', esm],
    ['handler.mjs', esm],
    ['handler.ts', 'export default (request: Request): Response => new Response(request.url);\n'],
    ['handler.mts', 'export default { fetch: (request: Request) => new Response(request.url) };\n'],
    ['handler.cjs', 'module.exports = () => new Response();\n'],
    ['handler.cts', 'export = { fetch: (request: Request) => new Response(request.url) };\n'],
    ['handler.tsx', 'const h = (...all: unknown[]) => all;\nexport default () => Response.json(<b>1</b>);\n'],
    ['src/handler.ts', "import { x } from './x.js';\nexport default () => new Response(x);\n"],
  ])('%s can be loaded', async (name, text) => {
    const { fault } = await look({ [name]: text, 'src/x.ts': "export const x: string = 'x';\n" }, name);
    expect(fault).toBeUndefined();
  });
});

describe('a handler can use', () => {
  it('enums, paths of tsconfig.json, JSON, and a folder of its own', async () => {
    const { fault } = await look({
      'tsconfig.json': '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }',
      'lib/where.ts': 'export const where = import.meta.dirname; export enum Color { Red = "red" }\n',
      'data.json': '{ "answer": 42 }',
      'handler.ts': `#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Color, where } from '@lib/where';
import data from './data.json';
const __dirname = fileURLToPath(new URL('.', import.meta.url));
${handlerIf(`Color.Red === 'red' && data.answer === 42 && where === __dirname + 'lib' &&
  readFileSync(__dirname + 'data.json', 'utf8').includes('42')`)}`,
    });
    expect(fault).toBeUndefined();
  });

  it('packages: with an ECMAScript module, with CommonJS by name and by default, and through require', async () => {
    const { fault } = await look({
      'old.cjs': "exports.hono = require('hono'); exports.here = [__dirname, __filename];\n",
      'handler.ts': `import { Hono } from 'hono';
import express, { Router } from 'express';
import { dirname } from 'node:path';
import { createRequire } from 'node:module';
import old from './old.cjs';
const require = createRequire(import.meta.url);
${handlerIf(`new Hono().fetch && Router === express.Router && require('express') === express &&
  old.hono.Hono && dirname(old.here[1]) === old.here[0] && old.here[0] === import.meta.dirname`)}`,
    });
    expect(fault).toBeUndefined();
  });

  it('a package of the same workspace, with the packages of that one', async () => {
    const { fault } = await look({
      'packages/lib/package.json': '{ "name": "lib", "main": "index.ts" }',
      'packages/lib/index.ts': "import only from 'only-here';\nexport const value: number = only.value;\n",
      'packages/lib/node_modules/only-here/index.js': 'exports.value = 7;\n',
      'packages/app/package.json': '{ "name": "app" }',
      'tsconfig.json': '{ "compilerOptions": { "paths": { "lib": ["./packages/lib/index.ts"] } } }',
      'handler.ts': `import { value } from 'lib';\n${handlerIf('value === 7')}`,
    });
    expect(fault).toBeUndefined();
  });

  it('top-level await, and rejected promises that nothing handles', async () => {
    const text = "await Promise.resolve();\nvoid Promise.reject(new Error('x'));\nexport default () => {};\n";
    expect((await look({ 'handler.ts': text })).fault).toBeUndefined();
  });
});

describe('a code frame shows', () => {
  it('where the syntax is wrong', async () => {
    const { fault } = await look({ 'handler.ts': 'const a = 1;\nexport default () => new Response(;\n' });
    expect(fault).toContain('Unexpected ";"');
    expect(fault).toContain('handler.ts:2:34:');
    expect(fault).toContain('export default () => new Response(;');
  });

  it('the first error, and how many others there are', async () => {
    const { fault } = await look({ 'handler.ts': "import './a.ts';\nimport './b.ts';\nimport './c.ts';\n" });
    expect(fault).toMatch(/Could not resolve ".\/a.ts"[^]*handler.ts:1:7:[^]*\(2 more errors\)$/);
  });

  it('which package is missing, and how to install it', async () => {
    const { fault } = await look({ 'handler.ts': "import { x } from '@no/such-package/sub';\nx();\n" });
    expect(fault).toMatch(/Could not resolve "@no\/such-package\/sub"[^]*npm install @no\/such-package$/);
    expect(fault).toContain('handler.ts:1:18:');
  });

  it('where an imported file throws, in its own lines', async () => {
    const { fault } = await look({
      'lib/table.ts':
        'enum A { B }\nconst none: { x?: { y: number } } = {};\nexport const y = none.x!.y + A.B;\n',
      'handler.ts': "import { y } from './lib/table.ts';\nexport default () => new Response(String(y));\n",
    });
    expect(fault).toContain("TypeError: Cannot read properties of undefined (reading 'y')");
    expect(fault).toMatch(/lib\/table.ts:3:2\d:/);
    expect(fault).toContain('export const y = none.x!.y + A.B;');
  });

  it('that a module has no handler', async () => {
    const { fault } = await look({ 'handler.ts': 'export const handler = 1;\n' });
    expect(fault).toContain('the default export must be a function');
    expect(fault).toContain('handler.ts:1:0:');
    expect(fault).not.toContain('.ringpost');
  });

  it('what a handler wrote that ended the process', async () => {
    const { fault } = await look({
      'handler.ts': "console.error('DATABASE_URL is missing');\nprocess.exit(3);\n",
    });
    expect(fault).toContain('the process ended while it was loaded, with code 3');
    expect(fault).toContain('DATABASE_URL is missing');
  });

  it('that a top-level await never ends', async () => {
    const { fault } = await look({
      'handler.ts': 'await new Promise(() => {});\nexport default () => {};\n',
    });
    expect(fault).toContain('its top-level await never ends');
  });
});
