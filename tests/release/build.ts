import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { buildDashboard } from '../../gateway/dashboard/build.ts';
import { projectFolder } from '../fixtures/command.ts';
import { entryPoints, packageManifest, program } from './manifest.ts';
import type { RepositoryManifest } from './manifest.ts';
import { pages, withoutDeadLinks } from './pages.ts';
import { pruneDeclarations } from './types.ts';

/** Where the package is built. git ignores it. */
const dist = join(projectFolder, 'dist');

/** The npm that belongs to the Node.js that the project runs with, or the one on the `PATH`. */
export const npm = 'npm';

export interface Packed {
  /** The tarball. */
  readonly file: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
}

/**
 * Compiles the package into `dist`, builds the dashboard there, and packs it.
 * @throws {Error} if that fails.
 */
export async function pack(): Promise<Packed> {
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(projectFolder, 'node_modules', 'typescript', 'bin', 'tsc');
  const compile = (...options: readonly string[]): string =>
    run(process.execPath, [tsc, '-p', join('tests', 'release', 'tsconfig.json'), ...options], projectFolder);
  compile('--emitDeclarationOnly');
  // Editors show the comments of declarations. Those of the code would be a quarter of the tarball.
  compile('--declaration', 'false', '--removeComments', '--noCheck');
  await buildDashboard(join(dist, 'gateway', 'dashboard', 'dist'));
  pruneDeclarations(dist, Object.values(entryPoints));
  for (const folder of ['shared/store/scripts'])
    for (const name of readdirSync(join(projectFolder, folder)).filter((each) => each.endsWith('.lua')))
      copy(join(folder, name));
  for (const name of ['LICENSE', 'CHANGELOG.md']) copy(name);
  for (const name of pages) {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, name), withoutDeadLinks(name, readFileSync(join(projectFolder, name), 'utf8')));
  }
  // npm writes it so.
  const repository = JSON.parse(
    readFileSync(join(projectFolder, 'package.json'), 'utf8'),
  ) as RepositoryManifest;
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify(packageManifest(repository), null, 2)}\n`);
  chmodSync(join(dist, program), 0o755);
  const said = run(npm, ['pack', '--json', '--ignore-scripts'], dist);
  // What `npm pack --json` prints: a list, or an object by name.
  const [packed] = Object.values(JSON.parse(said) as Record<string, PackedFile>);
  if (packed === undefined) throw new Error(`npm pack said ${said}`);
  const file = join(dist, packed.filename);
  return { file, bytes: statSync(file).size, unpackedBytes: packed.unpackedSize, files: packed.entryCount };
}

/** The part that is read of what npm says about a tarball. */
interface PackedFile {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly entryCount: number;
}

function copy(name: string): void {
  mkdirSync(dirname(join(dist, name)), { recursive: true });
  copyFileSync(join(projectFolder, name), join(dist, name));
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
