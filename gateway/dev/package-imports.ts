import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';

/** Marks the plugin's own questions to esbuild. */
const asked = Symbol('asked');
const inPackages = `${sep}node_modules${sep}`;

/** The namespace of modules that stand for CommonJS packages. */
const commonJs = 'ringpost-commonjs';

/**
 * Leaves packages in node_modules to Node, which finds them from the folder of the bundle. Whatever else a
 * bare name stands for, e.g. a path of tsconfig.json or a package of the same workspace, is bundled.
 *
 * A CommonJS package is loaded with `require`, so that each of its exports can be imported by name.
 * @param folder of the bundle, absolute.
 */
export function packageImports(folder: string): Plugin {
  return {
    name: 'ringpost-packages',
    setup(build) {
      // Neither relative nor absolute, nor a name of the `imports` in package.json.
      build.onResolve({ filter: /^[^./#]/, namespace: 'file' }, (args) =>
        resolvePackage(build, folder, args),
      );
      build.onResolve({ filter: /.*/, namespace: commonJs }, ({ path }) => ({ path, external: true }));
      build.onLoad({ filter: /.*/, namespace: commonJs }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)});`,
        loader: 'js',
      }));
    },
  };
}

async function resolvePackage(
  build: PluginBuild,
  folder: string,
  args: OnResolveArgs,
): Promise<OnResolveResult | undefined> {
  const { path, importer, resolveDir, kind, pluginData } = args;
  if (pluginData === asked || kind === 'entry-point' || isBuiltin(path)) return undefined;
  const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: asked });
  // esbuild itself reports what cannot be resolved.
  if (found.errors.length > 0 || found.namespace !== 'file' || found.external) return undefined;
  // JSON is bundled, since Node wants an import attribute for it.
  if (!found.path.includes(inPackages) || found.path.endsWith('.json')) return undefined;
  const target = isFoundFrom(folder, found.path) ? path : found.path;
  const isImport = kind === 'import-statement' || kind === 'dynamic-import';
  if (isImport && isCommonJs(found.path)) return { path: target, namespace: commonJs };
  return { path: target, external: true };
}

/** @returns whether a file of a package is in a node_modules folder beside or above the given one. */
function isFoundFrom(folder: string, file: string): boolean {
  const above = file.slice(0, file.indexOf(inPackages));
  return folder.startsWith(`${above}${sep}`);
}

/** @returns whether Node loads the file of a package as CommonJS. */
function isCommonJs(file: string): boolean {
  if (!file.endsWith('.js')) return file.endsWith('.cjs');
  for (let at = dirname(file); at !== dirname(at); at = dirname(at)) {
    const manifest = join(at, 'package.json');
    if (existsSync(manifest)) return typeOf(manifest) !== 'module';
  }
  return true;
}

function typeOf(manifest: string): unknown {
  try {
    const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
    return typeof parsed === 'object' && parsed !== null && 'type' in parsed ? parsed.type : undefined;
  } catch {
    return undefined;
  }
}
