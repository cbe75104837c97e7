import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { Failure } from './failure.ts';
import { projectFiles } from './init-files.ts';
import { withScripts } from './init-package.ts';

/** `ringpost init [folder]`. */
export function define(command: Command, { output }: Context): void {
  command
    .argument('[folder]', 'where to write; it is made if there is none', '.')
    .description(
      'Write a handler, a test of it and a compose file, and add scripts to package.json if there is one. ' +
        'Nothing that exists is overwritten.',
    )
    .option('--json', 'print one JSON document')
    .action(async (given: string) => {
      const folder = resolve(given);
      const packageFile = join(folder, 'package.json');
      const text = await readFile(packageFile, 'utf8').catch(() => undefined);
      const { files, handler, test } = projectFiles(typeOf(text));
      const taken = files.map(({ name }) => name).filter((name) => existsSync(join(folder, name)));
      if (taken.length > 0)
        throw new Failure('exists', `${taken.join(', ')}: already there; nothing was written`);
      await mkdir(folder, { recursive: true });
      // `wx`: a file that was made meanwhile is not overwritten either.
      for (const { name, content } of files) await writeFile(join(folder, name), content, { flag: 'wx' });
      const scripts = text === undefined ? undefined : withScripts(text, handler, test);
      if (scripts !== undefined) await writeFile(packageFile, scripts.text);
      const written = files.map(({ name }) => name);
      const added = scripts?.added ?? [];
      output.show({ folder, written, scripts: added }, () => [
        `Wrote ${written.join(', ')}${given === '.' ? '' : ` into ${given}`}.`,
        ...(added.length === 0 ? [] : [`Added the scripts ${added.join(', ')} to package.json.`]),
        '',
        'Next:',
        ...nextSteps(folder, handler, test),
      ]);
    });
}

/** @returns the `type` of a package; undefined if there is none. */
function typeOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { type } = JSON.parse(text) as { readonly type?: unknown };
    return typeof type === 'string' ? type : undefined;
  } catch {
    throw new Failure('package', 'package.json is not valid JSON; nothing was written');
  }
}

function nextSteps(folder: string, handler: string, test: string): string[] {
  const place = relative(process.cwd(), folder);
  const missing = ['ringpost', 'esbuild'].filter((name) => !existsSync(join(folder, 'node_modules', name)));
  return [
    ...(place === '' ? [] : [`  cd ${place}`]),
    ...(missing.length === 0 ? [] : [`  npm install ${missing.join(' ')}`]),
    `  npx ringpost dev ${handler}`,
    "  curl localhost:5000/hello -H 'ringpost-key: tenant-7'",
    `  node --test ${test}`,
    '  docker compose up',
  ];
}
