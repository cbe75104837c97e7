import { createRequire } from 'node:module';

// The manifest is in the same place of the project and of the package.
const manifest = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

/** The version of ringpost that this process runs. */
export const ownVersion = manifest.version;
