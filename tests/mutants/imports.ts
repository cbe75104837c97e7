import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** @returns the files of the repository that a file imports, at once or on demand. */
export function importsOf(folder: string, file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/\b(?:from|import) '([^']+)'|\bimport\('([^']+)'\)/g);
  return Array.from(found, ([, at = '', onDemand = at]) => onDemand)
    .filter((specifier) => specifier.startsWith('.') || specifier.startsWith('#shared/'))
    .map((specifier) =>
      specifier.startsWith('#') ? join(folder, specifier.slice(1)) : resolve(dirname(file), specifier),
    );
}

/** @returns the files from which one of these is reached by imports, and those themselves. */
export function importersOf(
  folder: string,
  targets: readonly string[],
  from: readonly string[],
): Set<string> {
  const importers = new Map<string, string[]>();
  const seen = new Set(from);
  for (const file of seen) {
    if (!file.endsWith('.ts')) continue;
    for (const imported of importsOf(folder, file)) {
      importers.set(imported, [...(importers.get(imported) ?? []), file]);
      seen.add(imported);
    }
  }
  const reached = new Set(targets);
  for (const file of reached) for (const importer of importers.get(file) ?? []) reached.add(importer);
  return reached;
}
