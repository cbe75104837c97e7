import { scriptText } from './load.ts';

/** Scripts into which BullMQ's scripts are inserted before they run. */
export type ScriptWithBullMq = 'tick' | 'add-jobs';

/** Scripts that are inserted into others as functions. */
export type ScriptPart = 'finish-jobs' | 'take-jobs';

/**
 * The only version of BullMQ whose scripts are proven to work inside ours. With others, its own client runs
 * them.
 */
export const provenBullMq = '6.7.0';

/** A script of BullMQ: the name and the number of keys, which together name its file. */
type BullMqScript = readonly [name: string, keys: number];

/** Marks the line of a script at which functions are inserted. */
const place = '-- INCLUDE';

/**
 * Inserts scripts of BullMQ into one of ours, which calls them by name, as functions of their keys and
 * arguments.
 * @param parts scripts of ours that are inserted after those, and may call them.
 * @param load a `require` that finds BullMQ. Its script files are internal, so only the proven version is
 * used.
 * @returns the text, or why it cannot be made.
 */
export function withBullMq(
  name: ScriptWithBullMq,
  scripts: readonly BullMqScript[],
  parts: readonly ScriptPart[],
  load: (module: string) => unknown,
): { readonly lua: string } | { readonly fault: string } {
  const { version } = load('bullmq/package.json') as { version: string };
  if (version !== provenBullMq) return { fault: `BullMQ is ${version}, but only ${provenBullMq} is proven` };
  const functions = scripts.map(([script, keys]) => {
    const found = load(`bullmq/dist/cjs/scripts/${script}-${keys}`) as Record<string, { content: string }>;
    return luaFunction(script, found[script]?.content ?? '');
  });
  const own = parts.map((part) => luaFunction(camelCase(part), scriptText(part)));
  return { lua: includeInto(scriptText(name), [...functions, ...own]) };
}

/** @returns `finish-jobs` as `finishJobs`. */
function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Makes a script's text a function, so that another script can run it several times. `KEYS` and `ARGV` become
 * the function's arguments.
 * @param name the name of the function in Lua.
 * @param lua a script that ends with a `return`.
 */
export function luaFunction(name: string, lua: string): string {
  return `local function ${name}(KEYS, ARGV)\n${lua}\nend\n`;
}

/**
 * @param lua a script with one line `-- INCLUDE`.
 * @param functions texts of Lua functions that it calls.
 * @throws {TypeError} if there is no such line.
 */
export function includeInto(lua: string, functions: readonly string[]): string {
  if (!lua.includes(place)) throw new TypeError(`the script has no line ${place}`);
  return lua.replace(place, () => functions.join(''));
}
