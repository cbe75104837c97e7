import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from '../redis/access.ts';

/**
 * @returns the text of a Lua file in this folder. A line `-- USES name, name` is replaced by the text of
 * these functions of `functions.lua`.
 */
export function scriptText(name: string): string {
  return luaFile(name).replace(/^-- USES (.+)$/m, (_, names: string) =>
    names
      .split(', ')
      .map((each) => sharedFunction(each))
      .join(''),
  );
}

/** @throws {TypeError} if `functions.lua` has no such function. */
function sharedFunction(name: string): string {
  functions ??= luaFile('functions');
  const [text] = new RegExp(`^local function ${name}\\(.*?^end\\n`, 'ms').exec(functions) ?? [];
  if (text === undefined) throw new TypeError(`functions.lua has no function ${name}`);
  return text;
}

let functions: string | undefined;

function luaFile(name: string): string {
  return readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8');
}

/** Runs one script by its SHA, keys first. */
export type RunOne = (...args: (string | number | Buffer)[]) => Promise<unknown>;

/** Runs one script by its SHA. The number of keys differs between calls. */
export type RunWithKeys = (keys: number, ...args: (string | number | Buffer)[]) => Promise<unknown>;

/**
 * Makes a script callable on a connection, with the same number of keys in each call.
 * See {@link defineKeyedScript}.
 */
export function defineScript(redis: Redis, numberOfKeys: number, lua: string): RunOne {
  const run = defineKeyedScript(redis, lua);
  return (...args) => run(numberOfKeys, ...args);
}

/**
 * Makes a script callable on a connection. The first call on each connection sends the text, so that all
 * later calls find the script, and none overtakes another.
 *
 * The client's own `defineCommand` does the same. But once one call is in V8's old generation, it keeps all
 * later calls alive: as measured, a fifth of a gateway's garbage was copied twice because of it.
 */
export function defineKeyedScript(redis: Redis, lua: string): RunWithKeys {
  const sha = createHash('sha1').update(lua).digest('hex');
  let knownBy: unknown;
  const sendText: RunWithKeys = (keys, ...args) => {
    knownBy = redis.stream;
    return redis.eval(lua, keys, ...args);
  };
  return async (keys, ...args) => {
    if (knownBy !== redis.stream) return sendText(keys, ...args);
    try {
      return await redis.evalsha(sha, keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return sendText(keys, ...args);
    }
  };
}
