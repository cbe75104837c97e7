import { globSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import type { TestProject } from './projects.ts';

/** What a command line says about the tests that it wants. */
export interface Wanted {
  /** Parts of paths, as vitest takes them: a file is wanted if its path has one of them. None: all files. */
  readonly filters: readonly string[];
  /** Names of projects, which may have `*` or begin with `!`. None: all projects. */
  readonly projects: readonly string[];
}

/**
 * Says which projects a run needs, so that a run of unit tests looks for neither Docker nor Redis.
 * @param root the top of the repository.
 * @returns the projects that have a wanted file.
 */
export function selectProjects(
  all: readonly TestProject[],
  wanted: Wanted,
  root: string,
): readonly TestProject[] {
  return all.filter(
    ({ name, include, exclude }) =>
      isNamed(name, wanted.projects) &&
      globSync(include, { cwd: root, exclude }).some((file) => isWanted(file, wanted.filters)),
  );
}

function isNamed(name: string, patterns: readonly string[]): boolean {
  const excluded = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const included = patterns.filter((pattern) => !pattern.startsWith('!'));
  const matches = (pattern: string): boolean => matchesGlob(name, pattern);
  return (included.length === 0 || included.some(matches)) && !excluded.some(matches);
}

function isWanted(file: string, filters: readonly string[]): boolean {
  if (filters.length === 0) return true;
  // vitest also takes `<file>:<line>`, and an absolute path.
  return filters.some((filter) => {
    const path = filter.replace(/:\d+$/, '').replace(/^\.\//, '').toLowerCase();
    return file.toLowerCase().includes(path) || path.endsWith(`/${file.toLowerCase()}`);
  });
}
