import { join, relative } from 'node:path';
import type { BuildContext, BuildOptions, BuildResult, Message } from 'esbuild';
import type { Build, BuilderInput } from './build.ts';
import type { Esbuild } from './esbuild.ts';
import { ownPathDefines, ownPaths, withoutOwnPaths } from './own-paths.ts';
import { packageImports } from './package-imports.ts';

export interface BundlerOptions extends Omit<BuilderInput, 'project'> {
  readonly esbuild: Esbuild;
  /** Called after the first build, and after each one that a change of a file has led to. */
  readonly onBuild: (build: Build) => void;
}

/** CommonJS code in the bundle has no `require` of its own in an ECMAScript module. */
const requireBanner =
  "import { createRequire as __ringpost_createRequire } from 'node:module'; " +
  'const require = __ringpost_createRequire(import.meta.url);';

/**
 * Builds a handler, and builds it again whenever one of its files changes.
 * @returns a function that stops that.
 */
export async function watchHandler(options: BundlerOptions): Promise<() => Promise<void>> {
  const context: BuildContext = await options.esbuild.context(buildOptions(options));
  await context.watch();
  return () => context.dispose();
}

function buildOptions({ file, cwd, folder, onBuild }: BundlerOptions): BuildOptions {
  return {
    entryPoints: [`./${relative(cwd, file)}`],
    absWorkingDir: cwd,
    outfile: join(folder, 'handler.mjs'),
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    // Those of Node alone: esbuild would add `module`.
    conditions: ['node-addons'],
    banner: { js: requireBanner },
    define: { ...ownPathDefines },
    sourcemap: 'inline',
    // The files are there.
    sourcesContent: false,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
    plugins: [
      packageImports(folder),
      ownPaths,
      {
        name: 'ringpost-builds',
        setup: (build) => build.onEnd((result) => onBuild(toBuild(result))),
      },
    ],
  };
}

function toBuild({ outputFiles, errors, warnings }: BuildResult): Build {
  return {
    code: errors.length > 0 ? undefined : outputFiles?.[0]?.text,
    errors: errors.map((error) => withAdvice(withoutOwnPaths(error))),
    warnings: warnings.map(withoutOwnPaths),
  };
}

/** esbuild advises to mark a package as external that it does not find. */
function withAdvice(error: Message): Message {
  const [, name] = /^Could not resolve "([^./#][^"]*)"$/.exec(error.text) ?? [];
  if (name === undefined) return error;
  const [scope = '', rest] = name.split('/');
  const packageName = scope.startsWith('@') && rest !== undefined ? `${scope}/${rest}` : scope;
  return { ...error, notes: [{ text: `Is it installed? npm install ${packageName}`, location: null }] };
}
