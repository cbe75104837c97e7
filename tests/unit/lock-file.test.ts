import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe.each(['package-lock.json', 'tests/bench/package-lock.json'])('%s', (file) => {
  const { packages } = JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };

  it('locks the packages of every platform, so that npm ci works on all of them', () => {
    const names = new Set(
      Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)),
    );
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !names.has(name));
    expect(missing).toEqual([]);
  });

  it('has the SHA-512 hash of each package, so that npm ci installs no other bytes', () => {
    const without = Object.entries(packages).filter(
      // The entry without a path is this project.
      ([path, { integrity = '' }]) => path !== '' && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity),
    );
    expect(without.map(([path]) => path)).toEqual([]);
  });

  it('names no registry', () => {
    const named = Object.values(packages).filter(({ resolved }) => resolved?.startsWith('http') === true);
    expect(named).toEqual([]);
  });
});
