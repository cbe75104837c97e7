import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';

const pages = [
  ...readdirSync(projectFolder).filter((file) => file.endsWith('.md')),
  ...['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
      .map((file) => join(folder, file)),
  ),
];

const textOf = (page: string): string => readFileSync(join(projectFolder, page), 'utf8');

/** @returns the anchors of a Markdown page, as GitHub makes them from its headings. */
function anchorsOf(page: string): Set<string> {
  const headings = textOf(page).matchAll(/^#+ (.*)$/gm);
  return new Set(
    Array.from(headings, ([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

it.each(pages)('%s links to pages and headings that exist', (page) => {
  const links = Array.from(textOf(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target);
  const broken = links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(projectFolder, file))) return true;
    return anchor !== undefined && !anchorsOf(file).has(anchor);
  });
  expect(broken).toEqual([]);
});

// A decision record names files as they were when it was written.
it.each(pages.filter((page) => !page.startsWith('docs/adr') && page !== 'CHANGELOG.md'))(
  '%s names files of the project that exist',
  (page) => {
    const paths = Array.from(
      textOf(page).matchAll(/`((?:gateway|worker|shared|tests|examples|docs)\/[\w./-]+)`/g),
      ([, path = '']) => path,
    );
    expect(paths.filter((path) => !existsSync(join(projectFolder, path)))).toEqual([]);
  },
);

it('docs/tour.md names functions that exist', () => {
  const names = Array.from(textOf('docs/tour.md').matchAll(/`(\w+)\(\)`/g), ([, name = '']) => name);
  const sources = ['gateway', 'worker', 'shared'].flatMap((part) =>
    readdirSync(join(projectFolder, part), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => textOf(join(part, file))),
  );
  const missing = names.filter((name) => !sources.some((text) => text.includes(`function ${name}(`)));
  expect(missing).toEqual([]);
  expect(names.length).toBeGreaterThan(0);
});

it('README.md has at most 120 lines', () => {
  expect(textOf('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});
