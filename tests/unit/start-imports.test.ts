import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';

/** @returns the modules that a file and its imports load at once, without what they load on demand. */
function loadedWith(entry: string): ReadonlySet<string> {
  const loaded = new Set([join(projectFolder, entry)]);
  for (const from of loaded) {
    if (!from.startsWith(projectFolder)) continue;
    const text = readFileSync(from, 'utf8');
    const found = text.matchAll(/^(?:import|export)\b(?! type\b)(?:[^'=;]*\bfrom)? '([^']+)'/gm);
    for (const [, specifier = ''] of found) loaded.add(target(from, specifier));
  }
  return loaded;
}

function target(from: string, specifier: string): string {
  if (specifier.startsWith('#shared/')) return join(projectFolder, specifier.slice(1));
  return specifier.startsWith('.') ? resolve(dirname(from), specifier) : specifier;
}

/** Each of these costs more than a twentieth of a start. */
const large: Readonly<Record<string, readonly string[]>> = {
  'worker/main.ts': ['ajv', 'bullmq', 'node:http', 'undici'],
  'gateway/main.ts': ['ajv', 'dockerode', 'node:http', 'undici'],
  'worker/lease/main.ts': ['ajv', 'bullmq', 'node:http', 'pino', 'undici'],
};

it.each(Object.entries(large))(
  'loads nothing large with %s that a plain start does not need',
  (entry, not) => {
    const loaded = loadedWith(entry);
    expect(loaded).toContain('ioredis');
    expect(not.filter((each) => loaded.has(each))).toEqual([]);
  },
);
