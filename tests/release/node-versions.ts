import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectFolder } from '../fixtures/command.ts';

/** A Node.js that the package is tried with. */
export interface NodeVersion {
  /** E.g. `22`. */
  readonly major: string;
  /** Its binary; undefined if it could not be had. */
  readonly binary: string | undefined;
  /** Why it could not be had. */
  readonly reason: string;
}

/** The versions that the package promises to run on. */
export const majors = ['22', '24', '26'] as const;

/** Kept until the next `npm ci`. */
const cache = join(projectFolder, 'node_modules', '.cache', 'ringpost-release');

/**
 * Gets a Node.js from the npm registry, unless this one is of that version. The package `node` gets its
 * binary in an install script from a package for each platform, which is installed here directly.
 */
export function nodeVersion(major: string): NodeVersion {
  if (process.versions.node.startsWith(`${major}.`)) return { major, binary: process.execPath, reason: '' };
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(cache, `node-${major}`);
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  try {
    if (!existsSync(binary)) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
      npmInstall(folder, process.execPath, ['--ignore-scripts', `${name}@${major}`]);
    }
    return { major, binary, reason: '' };
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    return { major, binary: undefined, reason: said.trim().split('\n')[0] ?? '' };
  }
}

/**
 * Runs `npm install` with a Node.js of any version.
 * @returns what it said on stdout and stderr.
 * @throws {Error} if it fails; `stderr` says why.
 */
export function npmInstall(folder: string, node: string, args: readonly string[]): string {
  const npm = process.env['npm_execpath'] ?? '';
  const [command, first] = npm.endsWith('.js') ? [node, [npm]] : ['npm', []];
  const all = [...first, 'install', '--no-audit', '--no-fund', '--loglevel=warn', ...args];
  const line = [command, ...all].map((each) => `'${each.replaceAll("'", String.raw`'\''`)}'`).join(' ');
  return execFileSync('/bin/sh', ['-c', `${line} 2>&1`], { cwd: folder, encoding: 'utf8' });
}
