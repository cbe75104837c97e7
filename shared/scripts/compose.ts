/**
 * Makes a script's text a function, so that another script can run it several times. What it calls `KEYS` and `ARGV` are
 * the function's arguments then.
 * @param name of the function in Lua.
 * @param lua a script that ends with a `return`.
 */
export function luaFunction(name: string, lua: string): string {
  return `local function ${name}(KEYS, ARGV)\n${lua}\nend\n`;
}

/** Marks a place in a script where the text of functions is put. */
const place = '-- INCLUDE';

/**
 * @param lua a script with one line `-- INCLUDE`.
 * @param functions texts of Lua functions that it calls.
 * @throws {TypeError} where there is no such line.
 */
export function includeInto(lua: string, functions: readonly string[]): string {
  if (!lua.includes(place)) throw new TypeError(`the script has no line ${place}`);
  return lua.replace(place, () => functions.join(''));
}
