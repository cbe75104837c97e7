import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** How many of a script's arguments are keys. The text is the Lua file of the same name beside this one. */
const scripts = {
  'claim-parameters': 1,
  'read-ring': 5,
  'change-desired': 5,
  'change-ring': 4,
  lead: 2,
  resign: 1,
  'take-lease': 4,
  'renew-lease': 4,
  'end-lease': 2,
  'change-offers': 2,
  'push-replies': 2,
  'note-request': 1,
  'settle-request': 3,
  'claim-idempotency': 1,
  'join-line': 1,
  'take-turn': 1,
  'leave-line': 1,
  'count-begun': 1,
  'take-back': 5,
  'note-callback': 1,
  'claim-dead-letter': 1,
  forget: 11,
} as const;

export type ScriptName = keyof typeof scripts;

/** Runs one of the project's scripts by its SHA; sends the text only where Redis does not know it yet. */
export type RunScript = (name: ScriptName, ...args: (string | number | Buffer)[]) => Promise<unknown>;

/** The version of BullMQ whose scripts are known to work inside of ours; with any other, BullMQ's own client runs them. */
export const provenBullMq = '6.7.0';

const texts = new Map<ScriptName, string>();

/** @returns the text of a Lua file beside this one; of those that are put together with others before they are run. */
export function scriptText(name: ScriptName | 'tick' | 'add-jobs'): string {
  return readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8');
}

/**
 * Makes the project's Lua scripts callable on a connection.
 * @param redis the connection; scripts are defined on it once.
 * @returns a function that runs a script by its file's name, keys first.
 */
export function scriptsOn(redis: Redis): RunScript {
  const command = (name: ScriptName): string => `ringpost:${name}`;
  for (const [name, numberOfKeys] of Object.entries(scripts) as [ScriptName, number][]) {
    let lua = texts.get(name);
    if (lua === undefined) texts.set(name, (lua = scriptText(name)));
    if (!(command(name) in redis)) redis.defineCommand(command(name), { numberOfKeys, lua });
  }
  // defineCommand adds methods that TypeScript cannot know.
  const commands = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  return (name, ...args) => {
    const run = commands[command(name)];
    if (run === undefined) throw new TypeError(`no script ${name}`);
    return run.apply(redis, args);
  };
}
