import { readFileSync } from 'node:fs';

/** @returns the version of this package. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  // npm requires the field.
  return (JSON.parse(text) as { readonly version: string }).version;
}
