import { existsSync, readFileSync, rmSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/**
 * Removes the declarations that no entry point reaches.
 * @param folder of the built package.
 * @param entries the entry points, without an ending.
 */
export function pruneDeclarations(folder: string, entries: readonly string[]): void {
  const reached = new Set<string>();
  const waiting = entries.map((entry) => join(folder, `${entry}.d.ts`));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, specifier = ''] of text.matchAll(/(?:from|import) ?\(?'([^']+)'/g))
      waiting.push(...declarationOf(folder, file, specifier));
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, name);
    if (name.endsWith('.d.ts') && !reached.has(file)) rmSync(file);
  }
}

/** @returns the file of a specifier; none for a package. */
function declarationOf(folder: string, from: string, specifier: string): string[] {
  const path = specifier.startsWith('#')
    ? join(folder, specifier.slice(1))
    : specifier.startsWith('.')
      ? resolve(dirname(from), specifier)
      : undefined;
  if (path === undefined) return [];
  const file = path.replace(/\.(?:ts|js)$/, '.d.ts');
  if (!existsSync(file)) throw new Error(`${from} imports ${specifier}, which was not built`);
  return [file];
}
