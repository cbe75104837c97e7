import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from '../redis/access.ts';

/** How many of a script's arguments are keys. Its text is in the Lua file of the same name in this folder. */
const scripts = {
  'claim-parameters': 1,
  'claim-settings': 1,
  'read-ring': 6,
  'change-desired': 5,
  'replace-replica': 7,
  'change-ring': 4,
  lead: 2,
  resign: 1,
  'take-lease': 6,
  'renew-lease': 4,
  'end-lease': 2,
  'withdraw-consumer': 1,
  'change-offers': 2,
  'push-replies': 2,
  'note-request': 1,
  'settle-request': 4,
  'claim-idempotency': 1,
  'expire-idempotency': 1,
  'cancel-request': 1,
  'end-unbegun': 1,
  'mark-cancelled': 1,
  'join-line': 1,
  'take-turn': 1,
  'leave-line': 1,
  'count-begun': 1,
  'take-back': 10,
  'note-loss': 4,
  'begin-suspect': 3,
  'job-deadline': 1,
  'note-callback': 2,
  'hold-record': 2,
  'park-callbacks': 18,
  'unpark-callbacks': 4,
  'claim-dead-letter': 1,
  forget: 13,
  'next-generation': 2,
  'set-key-aside': 2,
  'set-member-aside': 2,
  'set-job-aside': 5,
  'relist-job': 6,
} as const;

export type ScriptName = keyof typeof scripts;

/** Runs one of the project's scripts by its SHA; sends its text only if Redis does not know it yet. */
export type RunScript = (name: ScriptName, ...args: (string | number | Buffer)[]) => Promise<unknown>;

/** Scripts into which BullMQ's scripts are inserted before they run. */
export type ScriptWithBullMq = 'tick' | 'add-jobs';

/** Scripts that are inserted into others as functions. */
export type ScriptPart = 'finish-jobs' | 'take-jobs';

const texts = new Map<ScriptName, string>();

/**
 * @returns the text of a Lua file in this folder. A line `-- USES name, name` is replaced by the text of
 * these functions of `functions.lua`.
 */
export function scriptText(name: ScriptName | ScriptWithBullMq | ScriptPart): string {
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

/**
 * Makes a script callable on a connection. The first call on each connection sends the text, so that all
 * later calls find the script, and none overtakes another.
 *
 * The client's own `defineCommand` does the same. But once one call is in V8's old generation, it keeps all
 * later calls alive: as measured, a fifth of a gateway's garbage was copied twice because of it.
 */
export function defineScript(redis: Redis, numberOfKeys: number, lua: string): RunOne {
  const sha = createHash('sha1').update(lua).digest('hex');
  let knownBy: unknown;
  const sendText: RunOne = (...args) => {
    knownBy = redis.stream;
    return redis.eval(lua, numberOfKeys, ...args);
  };
  return async (...args) => {
    if (knownBy !== redis.stream) return sendText(...args);
    try {
      return await redis.evalsha(sha, numberOfKeys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return sendText(...args);
    }
  };
}

/**
 * Makes the project's Lua scripts callable on a connection.
 * @param redis the connection; scripts are defined on it once.
 * @returns a function that runs a script by its file's name, keys first.
 */
export function scriptsOn(redis: Redis): RunScript {
  let run = runners.get(redis);
  if (run === undefined) runners.set(redis, (run = defineAll(redis)));
  return run;
}

const runners = new WeakMap<Redis, RunScript>();

function defineAll(redis: Redis): RunScript {
  const defined = new Map<ScriptName, RunOne>();
  for (const [name, numberOfKeys] of Object.entries(scripts) as [ScriptName, number][]) {
    let lua = texts.get(name);
    if (lua === undefined) texts.set(name, (lua = scriptText(name)));
    defined.set(name, defineScript(redis, numberOfKeys, lua));
  }
  return (name, ...args) => {
    const run = defined.get(name);
    if (run === undefined) throw new TypeError(`no script ${name}`);
    return run(...args);
  };
}
