import { readFile } from 'node:fs/promises';
import { dirname, extname, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Loader, Message, Plugin } from 'esbuild';

/** What stands for these in each bundled file: a constant at its beginning. */
const constants = { url: '__ringpost_url', filename: '__ringpost_filename', dirname: '__ringpost_dirname' };

/** esbuild's option `define`. */
export const ownPathDefines: Readonly<Record<string, string>> = {
  'import.meta.url': constants.url,
  'import.meta.filename': constants.filename,
  'import.meta.dirname': constants.dirname,
  __filename: constants.filename,
  __dirname: constants.dirname,
};

const uses = /\b(?:__dirname|__filename|import\s*\.\s*meta)\b/;
const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.jsx': 'jsx',
};

/** Lets `import.meta.url`, `__dirname` and their like name the user's own file, not the bundle. */
export const ownPaths: Plugin = {
  name: 'ringpost-own-paths',
  setup(build) {
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
      if (path.includes(`${sep}node_modules${sep}`)) return undefined;
      const text = await readFile(path, 'utf8');
      if (!uses.test(text)) return undefined;
      const contents = constantsOf(path) + text.replace(/^#!/, '//');
      return { contents, loader: loaders[extname(path)] ?? 'js', watchFiles: [path] };
    });
  },
};

/** In the first line, so that the numbers of the lines stay. */
function constantsOf(path: string): string {
  const values = [
    [constants.url, pathToFileURL(path).href],
    [constants.filename, path],
    [constants.dirname, dirname(path)],
  ];
  return `const ${values.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')};`;
}

/** @returns a message of esbuild whose first line is as the user wrote it. */
export function withoutOwnPaths(message: Message): Message {
  const { location } = message;
  const head = /^const __ringpost_url="[^;]*;/.exec(location?.lineText ?? '')?.[0];
  if (location === null || head === undefined) return message;
  const lineText = location.lineText.slice(head.length);
  const column = Math.max(0, location.column - Buffer.byteLength(head));
  return { ...message, location: { ...location, lineText, column } };
}
