import { scriptText } from './load.ts';
import type { ScriptPart, ScriptWithBullMq } from './load.ts';

/** The version of BullMQ whose scripts are known to work inside of ours; with any other, BullMQ's own client runs them. */
export const provenBullMq = '6.7.0';

/** A script of BullMQ's: its name, and how many keys it takes, by which its file is called. */
type BullMqScript = readonly [name: string, keys: number];

/** Marks the place in a script where the text of functions is put. */
const place = '-- INCLUDE';

/**
 * Puts scripts of BullMQ's into one of ours, which calls them by their names as functions of their keys and arguments.
 * @param parts scripts of ours that are put into it as well, behind those, which they may call.
 * @param load a `require` that finds BullMQ; its scripts are files that only its own client reads, so the version counts.
 * @returns the text; or why it cannot be made.
 */
export function withBullMq(
  name: ScriptWithBullMq,
  scripts: readonly BullMqScript[],
  parts: readonly ScriptPart[],
  load: (module: string) => unknown,
): { readonly lua: string } | { readonly fault: string } {
  const { version } = load('bullmq/package.json') as { version: string };
  if (version !== provenBullMq) return { fault: `BullMQ is ${version}, and proven is ${provenBullMq}` };
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
 * Makes a script's text a function, so that another script can run it several times. What it calls `KEYS` and `ARGV` are
 * the function's arguments then.
 * @param name of the function in Lua.
 * @param lua a script that ends with a `return`.
 */
export function luaFunction(name: string, lua: string): string {
  return `local function ${name}(KEYS, ARGV)\n${lua}\nend\n`;
}

/**
 * @param lua a script with one line `-- INCLUDE`.
 * @param functions texts of Lua functions that it calls.
 * @throws {TypeError} where there is no such line.
 */
export function includeInto(lua: string, functions: readonly string[]): string {
  if (!lua.includes(place)) throw new TypeError(`the script has no line ${place}`);
  return lua.replace(place, () => functions.join(''));
}
