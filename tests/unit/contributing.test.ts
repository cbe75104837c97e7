import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';

const textOf = (file: string): string => readFileSync(join(projectFolder, file), 'utf8');
const page = textOf('CONTRIBUTING.md');

it('CONTRIBUTING.md names only files and folders that exist', () => {
  const code = Array.from(page.matchAll(/`([^`\n]+)`/g), ([, text = '']) => text);
  const paths = code
    .flatMap((text) => text.split(' '))
    .filter((text) => /^(?:gateway|worker|shared|tests|docs|node_modules)\/[\w./-]*$/.test(text));
  expect(paths.length).toBeGreaterThan(60);
  expect(paths.filter((path) => !existsSync(join(projectFolder, path)))).toEqual([]);
});

it('CONTRIBUTING.md shows the example test unchanged', () => {
  expect(page).toContain(`\`\`\`ts\n${textOf('tests/integration/example.test.ts')}\`\`\``);
});

it('CONTRIBUTING.md names the version of Node.js that npm ci installs', () => {
  const { devDependencies } = JSON.parse(textOf('package.json')) as { devDependencies: { node: string } };
  expect(page).toContain(`development dependency \`node\`, version ${devDependencies.node}`);
});

it('CONTRIBUTING.md names only npm scripts that exist', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const named = Array.from(page.matchAll(/npm run ([a-z:]+)/g), ([, name = '']) => name);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
