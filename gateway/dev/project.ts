import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * @param file an absolute path.
 * @returns the nearest folder above it with a package.json; the file's own folder if there is none.
 */
export function projectOf(file: string): string {
  const own = dirname(file);
  for (let folder = own; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return own;
  }
}
