import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeOf } from '../suites/document.ts';
import { testsOf } from '../suites/reason.ts';
import { reasons } from '../suites/reasons.ts';
import { suites } from '../suites/suites.ts';

const document = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');
/** The document without the line breaks in its paragraphs. */
const flat = document.replaceAll(/\s+/g, ' ');

test('the document names each suite with the commit for which the reasons were checked', () => {
  for (const { name, repository, version, commit } of suites) {
    expect(document, name).toContain(`| [${repository}](https://github.com/${repository}) | ${version}, `);
    expect(document, name).toContain(`git checkout ${commit}`);
  }
});

test('the document lists every reason with its tests', () => {
  for (const reason of [...reasons.values()].flat()) {
    expect(flat).toContain(`**${reason.kind}**: ${reason.why}`);
    for (const name of testsOf(reason)) expect(flat).toContain(`- ${codeOf(name).replaceAll(/\s+/g, ' ')}`);
  }
});

test('every reason belongs to a suite that is run', () => {
  const names = suites.map(({ name }) => name);
  for (const suite of reasons.keys()) expect(names).toContain(suite);
});
