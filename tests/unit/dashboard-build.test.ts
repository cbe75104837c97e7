import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildDashboard, maxGzipBytes } from '../../gateway/dashboard/build.ts';
import type { BuiltFile } from '../../gateway/dashboard/build.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringpost-dashboard-'));
let files: readonly BuiltFile[] = [];

beforeAll(async () => {
  files = await buildDashboard(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

it('builds a dashboard of at most 55 KB with gzip', () => {
  expect(maxGzipBytes).toBe(55 * 1024);
  expect(files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0)).toBeLessThanOrEqual(maxGzipBytes);
});

it('names scripts and style sheets by their content, so that browsers may keep them', () => {
  // Sorted by kind: the first letters of a name are a hash of the content.
  const names = readdirSync(join(folder, 'assets')).toSorted((one, other) =>
    extname(one).localeCompare(extname(other)),
  );
  expect(names).toEqual([
    expect.stringMatching(/^app\.[0-9A-Z]{8}\.css$/),
    expect.stringMatching(/^app\.[0-9A-Z]{8}\.js$/),
    'icon.svg',
  ]);
  for (const name of names) expect(read('index.html')).toContain(`/-/assets/${name}"`);
});

it('needs no inline script or style, and nothing from elsewhere', () => {
  const page = read('index.html');
  expect(page).not.toMatch(/<style|style=|\son[a-z]+=|<script(?![^>]* src=)/);
  const text = files.map(({ name }) => (name === 'index.html' ? page : read(`assets/${name}`))).join('\n');
  // Names of XML namespaces.
  const hosts = Array.from(text.matchAll(/https?:\/\/([\w.-]+)/g), ([, host]) => host);
  expect(new Set(hosts)).toEqual(new Set(['www.w3.org']));
  expect(text.match(/\burl\(|@import\b|\beval\(|new Function\b|javascript:/)).toBeNull();
});

it('states the licences of the packages in the scripts', () => {
  const text = read('licenses.txt');
  for (const name of ['@preact/signals', '@preact/signals-core', 'preact'])
    expect(text).toContain(`${name}\n`);
  expect(text.match(/MIT License/gi)?.length).toBeGreaterThanOrEqual(3);
});
