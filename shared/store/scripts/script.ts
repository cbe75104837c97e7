import type { Redis } from '../redis/access.ts';
import type { Keys } from '../keys/keys.ts';
import { accessOf, keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { defineScript, scriptText } from './load.ts';
import type { RunOne } from './load.ts';

/** What Redis takes as an argument of a script. */
export type ScriptArgument = string | number | Buffer;

/** The one place that says how a Lua file is called: its keys, its arguments, and what its reply means. */
export interface Script<Call, Result> {
  /** The name of the Lua file in this folder, without its ending. */
  readonly file: string;
  /** KEYS, in the order of the file's header. Always the same number of them. */
  readonly keys: (keys: Keys, call: Call) => readonly string[];
  /** ARGV, in the order of the file's header. */
  readonly args: (call: Call, keys: Keys) => readonly ScriptArgument[];
  /** Reads the script's reply. Here is where its numbers get names. */
  readonly decode: (reply: unknown, call: Call) => Result;
}

/**
 * Types a script's specification; use it as `export const lead = script<Lead, string | undefined>({ … })`.
 */
export function script<Call, Result>(specification: Script<Call, Result>): Script<Call, Result> {
  return specification;
}

/** Runs a script: by its SHA if Redis knows it on this connection, else by its text. */
export type Run = <Call, Result>(specification: Script<Call, Result>, call: Call) => Promise<Result>;

/** @returns a function that runs scripts on a connection. The text of each is sent once per connection. */
export function createRun(connection: Connection): Run {
  const redis = redisOf(connection);
  const keys = keysOf(connection);
  let defined = definedOn.get(redis);
  if (defined === undefined) definedOn.set(redis, (defined = new Map()));
  const runs = defined;
  const run: Run = async (specification, call) => {
    const { file } = specification;
    const itsKeys = specification.keys(keys, call);
    let runOne = runs.get(file);
    if (runOne === undefined)
      runs.set(file, (runOne = defineScript(redis, itsKeys.length, scriptText(file))));
    return specification.decode(await runOne(...itsKeys, ...specification.args(call, keys)), call);
  };
  const { trace } = accessOf(connection);
  if (trace === undefined) return run;
  return (specification, call) => trace.around(specification, call, () => run(specification, call));
}

const definedOn = new WeakMap<Redis, Map<string, RunOne>>();
