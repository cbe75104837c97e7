import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import type { Metafile } from 'esbuild';

/** All that a browser loads, in bytes with gzip. */
export const maxGzipBytes = 55 * 1024;

/** Where the gateway serves the files, except `index.html`. */
const assetsPath = '/-/assets';
const source = fileURLToPath(new URL('page', import.meta.url));
const project = fileURLToPath(new URL('../..', import.meta.url));

/** Where `npm run dashboard` puts the files, and from where the gateway serves them. */
export const dashboardFolder = fileURLToPath(new URL('dist', import.meta.url));

/** A file of the built page. */
export interface BuiltFile {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

/**
 * Builds the dashboard: `index.html`; the icon, scripts and a style sheet with hashes in their names in
 * `assets/`; and `licenses.txt` with the licences of the packages in the scripts.
 * @param folder is made if it is not there; assets of earlier builds are removed from it.
 * @returns the files that a browser loads.
 * @throws {Error} if the source does not compile, or if the files are larger than {@link maxGzipBytes}.
 */
export async function buildDashboard(folder: string = dashboardFolder): Promise<readonly BuiltFile[]> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: project,
    entryPoints: [
      { in: join(source, 'main.tsx'), out: 'app' },
      { in: join(source, 'style/app.css'), out: 'app' },
    ],
    outdir: folder,
    entryNames: '[name].[hash]',
    bundle: true,
    format: 'esm',
    target: ['chrome123', 'firefox125', 'safari17.5'],
    minify: true,
    write: false,
    metafile: true,
    legalComments: 'none',
    tsconfig: join(source, 'tsconfig.json'),
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  const files = new Map<string, Uint8Array>(
    outputFiles.map(({ path, contents }) => [basename(path), contents]),
  );
  files.set('icon.svg', await readFile(join(source, 'icon.svg')));
  files.set('index.html', await documentOf(files));
  await mkdir(join(folder, 'assets'), { recursive: true });
  await replaceFiles(folder, files);
  // Only now, so that a gateway that starts meanwhile finds a whole page.
  const stale = (await readdir(join(folder, 'assets'))).filter((name) => !files.has(name));
  await Promise.all(stale.map((name) => rm(join(folder, 'assets', name))));
  await writeFile(join(folder, 'licenses.txt'), await licensesOf(metafile));
  const built = [...files].map(([name, contents]) => ({
    name,
    bytes: contents.length,
    gzipBytes: gzipSync(contents, { level: 9 }).length,
  }));
  checkSize(built);
  return built;
}

/** Renames whole files, so that a gateway that starts meanwhile reads no half of one. */
async function replaceFiles(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const written = await mkdtemp(join(dirname(folder), '.dist-'));
  try {
    for (const [name, contents] of files) {
      await writeFile(join(written, name), contents);
      await rename(join(written, name), pathOf(folder, name));
    }
  } finally {
    await rm(written, { recursive: true });
  }
}

/** @returns `index.html` with the names of this build. */
async function documentOf(files: ReadonlyMap<string, Uint8Array>): Promise<Buffer> {
  const names = [...files.keys()];
  const template = await readFile(join(source, 'index.html'), 'utf8');
  return Buffer.from(
    ['js', 'css'].reduce((text, ending) => {
      const name = names.find((each) => each.startsWith('app.') && each.endsWith(`.${ending}`));
      return text.replace(`app.${ending}`, `${assetsPath}/${name}`);
    }, template),
  );
}

function pathOf(folder: string, name: string): string {
  return name === 'index.html' ? join(folder, name) : join(folder, 'assets', name);
}

/** @returns the licences of the packages that are in the scripts, since their texts ask for that. */
async function licensesOf({ inputs }: Metafile): Promise<string> {
  const packages = new Set(
    Object.keys(inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const texts = [...packages].toSorted().map(async (name) => {
    const text = await readFile(join(project, 'node_modules', name, 'LICENSE'), 'utf8');
    return `${name}\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join('\n\n');
}

function checkSize(files: readonly BuiltFile[]): void {
  const total = files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
  if (total <= maxGzipBytes) return;
  const list = files.map(({ name, gzipBytes }) => `${name} ${gzipBytes}`).join(', ');
  throw new Error(`The dashboard has ${total} bytes with gzip, more than ${maxGzipBytes}: ${list}.`);
}

if (import.meta.main) {
  const files = await buildDashboard();
  const total = files.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0);
  for (const { name, bytes, gzipBytes } of files) console.log(`${name}  ${bytes} B, gzip ${gzipBytes} B`);
  console.log(`all together: gzip ${total} B of at most ${maxGzipBytes} B`);
}
