import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { composeCommands } from '../fixtures/compose-commands.ts';
import { deployFolder, manifests, units } from '../fixtures/deploy-files.ts';
import type { Manifest } from '../fixtures/deploy-files.ts';
import { systemdAnalyze } from '../fixtures/programs.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const run = promisify(execFile);
const { present } = await composeCommands();

/** A class of an API's objects. */
type Kind = new (data: object) => { validate(): void };

/** Kustomize's own kind is no object of the API. */
const objects = manifests.filter(({ kind }) => kind !== 'Kustomization');

/** @returns the module that has the schema of a kind, made from the OpenAPI document of its API. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const source = apiVersion.startsWith('keda.sh/') ? '@kubernetes-models/keda' : 'kubernetes-models';
  return `${source}/${apiVersion}/${kind}`;
}

describe('the Kubernetes files', () => {
  it.each(objects)('$file: $kind $metadata.name is what its API takes', async (manifest) => {
    const { file: _, ...data } = manifest;
    const module = (await import(moduleOf(manifest))) as Record<string, Kind>;
    const Kind = module[manifest.kind];
    if (Kind === undefined) throw new Error(`there is no schema of ${manifest.kind}`);
    expect(() => new Kind(data).validate()).not.toThrow();
  });

  it('have no field that the API does not know', async () => {
    // The schemas allow further fields, as the API does. The types, which are made from them, do not.
    const folder = join(projectFolder, '.ringpost', `deploy-${randomBytes(4).toString('hex')}`);
    await mkdir(folder, { recursive: true });
    onTestFinished(() => rm(folder, { recursive: true }));
    const lines = objects.map((manifest, at) => {
      const { file: _, ...data } = manifest;
      const type = `import('${moduleOf(manifest)}').I${manifest.kind}`;
      return `export const object${at}: ${type} = ${JSON.stringify(data, null, 2)};`;
    });
    await writeFile(join(folder, 'objects.ts'), lines.join('\n'));
    const tsc = join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = ['--noEmit', '--skipLibCheck', '--strict', '--target', 'esnext', '--types', ''];
    const modules = ['--module', 'esnext', '--moduleResolution', 'bundler', '--ignoreConfig'];
    const said = await run(process.execPath, [tsc, ...options, ...modules, join(folder, 'objects.ts')]).catch(
      (error: { stdout: string }) => error,
    );
    expect(said.stdout).toBe('');
  });
});

// `npm test` says at its end that they could not run.
describe.skipIf(systemdAnalyze === undefined)('the systemd units', () => {
  it.each([...units])('%s is valid, and confined', async (name, text) => {
    const { folder } = await scratch();
    const file = join(folder, name.replace('@', '@a1'));
    // Node.js and the package may be elsewhere on this machine.
    const here = text.replace(/^ExecStart=\S+ \S+$/m, 'ExecStart=/bin/true');
    expect(here).not.toBe(text);
    await writeFile(file, here);
    const verified = await run(systemdAnalyze ?? '', ['verify', '--man=no', file]);
    expect([verified.stdout, verified.stderr]).toEqual(['', '']);
    // From 0 to 100: it fails if the unit is exposed more than this.
    await run(systemdAnalyze ?? '', ['security', '--offline=true', '--no-pager', '--threshold=20', file]);
  });
});

describe('the stack file', () => {
  it.each(present)('is valid for $name', async ({ words }) => {
    const [command, ...first] = words;
    const args = [...first, '-f', join(deployFolder, 'swarm.yml'), 'config', '--services'];
    const { stdout } = await run(command, args);
    expect(stdout.trim().split('\n').toSorted()).toEqual(['controller', 'gateway', 'redis']);
  });
});
