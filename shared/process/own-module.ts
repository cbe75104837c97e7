import { extname } from 'node:path';

/**
 * Finds another module of ringpost. The repository has `.ts` files, the package `.js` files.
 * @param path of the module as the repository has it, relative to the module that asks, e.g. `../main.ts`.
 * @param from the `import.meta.url` of the module that asks.
 */
export function ownModule(path: string, from: string): URL {
  const { pathname } = new URL(from);
  return new URL(path.replace(/\.ts$/, extname(pathname)), from);
}
