import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { testProjects } from '../runner/projects.ts';
import { selectProjects } from '../runner/selection.ts';
import { shortList } from '../runner/short-list.ts';

const selected = (filters: readonly string[], projects: readonly string[] = []): readonly string[] =>
  selectProjects(testProjects, { filters, projects }, projectFolder).map(({ name }) => name);

describe('npm test', () => {
  it('runs all projects by default', () => {
    expect(selected([])).toEqual(testProjects.map(({ name }) => name));
  });

  it.each([
    ['tests/unit/plan.test.ts', ['unit']],
    ['./tests/unit/plan.test.ts', ['unit']],
    ['tests/unit/plan.test.ts:12', ['unit']],
    [`${projectFolder}/tests/unit/plan.test.ts`, ['unit']],
    ['unit/', ['unit', 'unit-alone']],
    ['tests/unit/parsers', ['unit-alone']],
    ['tests/e2e/memory.test.ts', ['e2e-alone']],
    ['tests/e2e/shutdown', ['e2e']],
    ['admin-tokens', ['unit', 'integration']],
    ['no-such-file', []],
  ])('runs only the projects that have a file of this name: %s', (filter, projects) => {
    expect(selected([filter])).toEqual(projects);
  });

  it.each([undefined, 'sentinel', 'cluster'])(
    'with Redis %s runs files with --short that all exist and that need Redis',
    (kind) => {
      const files = shortList(kind);
      const missing = files.filter((file) => globSync(file, { cwd: projectFolder }).length === 0);
      expect(missing).toEqual([]);
      expect(selected(files)).toEqual(['integration', 'e2e', 'e2e-alone']);
    },
  );

  it.each([
    [['unit'], ['unit']],
    [
      ['unit', 'docker'],
      ['unit', 'docker'],
    ],
    [
      ['!docker', '!*-alone'],
      ['unit', 'integration', 'e2e', 'browser', 'swarm'],
    ],
    [['e2e*'], ['e2e', 'e2e-alone']],
  ])('runs only the projects that --project names: %j', (names, projects) => {
    expect(selected([], names)).toEqual(projects);
  });

  it('needs neither Redis nor Docker for unit tests', () => {
    const [unit] = selectProjects(
      testProjects,
      { filters: ['tests/unit/plan'], projects: [] },
      projectFolder,
    );
    expect(unit?.needs).toEqual([]);
  });

  it('has each test file in exactly one project', () => {
    // The benchmark installs packages of its own, some of which have tests.
    const installed = ['**/node_modules/**'];
    const files = globSync('tests/**/*.test.ts', { cwd: projectFolder, exclude: installed }).toSorted();
    const ofProjects = testProjects.flatMap(({ include, exclude }) =>
      globSync(include, { cwd: projectFolder, exclude }),
    );
    expect(ofProjects.toSorted()).toEqual(files);
  });
});
