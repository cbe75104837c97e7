import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { context, formatMessagesSync } from 'esbuild';

/** The part of esbuild's API that the dev command uses. */
export interface Esbuild {
  readonly context: typeof context;
  readonly formatMessagesSync: typeof formatMessagesSync;
}

/** esbuild is not installed. */
export class NoEsbuildError extends Error {
  override readonly name = 'NoEsbuildError';

  constructor() {
    super('ringpost dev needs esbuild, which is not installed: npm install --save-dev esbuild');
  }
}

/**
 * Loads esbuild: the one that ringpost finds, else the project's.
 * @param project the absolute path of the project's folder.
 * @throws {NoEsbuildError}
 */
export async function loadEsbuild(project: string): Promise<Esbuild> {
  try {
    return await import('esbuild');
  } catch {
    // ringpost may be installed elsewhere, e.g. globally.
  }
  try {
    const file = createRequire(join(project, 'package.json')).resolve('esbuild');
    // The package exports what its types say.
    return (await import(pathToFileURL(file).href)) as Esbuild;
  } catch {
    throw new NoEsbuildError();
  }
}
