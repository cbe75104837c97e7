import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { scriptText } from '#shared/store/scripts/load.ts';
import type { RealRedis } from './real-redis.ts';

/** The virtual time in Redis, in ms since the epoch. Everything of the harness begins with `vt:`. */
export const nowKey = 'vt:now';
/** The messages that scripts have published: channel and text, alternating. */
export const messagesKey = 'vt:messages';
/**
 * Keys expire in virtual time. In Redis they have this time more, so that they never expire by its own clock;
 * the harness deletes them when it is their time.
 */
export const expiryBase = 4_000_000_000_000;

/** Scripts see virtual time, and what they publish is kept for the harness to deliver. */
const prelude = `
local redis = setmetatable({}, { __index = redis })
local realCall = getmetatable(redis).__index.call
redis.call = function(name, ...)
  if name == 'TIME' then
    local now = tonumber(realCall('GET', '${nowKey}'))
    return { string.format('%.0f', math.floor(now / 1000)), string.format('%.0f', now % 1000 * 1000) }
  elseif name == 'PTTL' then
    local at = realCall('PEXPIRETIME', (...))
    if at < ${expiryBase} then return realCall('PTTL', (...)) end
    return at - ${expiryBase} - tonumber(realCall('GET', '${nowKey}'))
  elseif name == 'PUBLISH' then
    realCall('RPUSH', '${messagesKey}', ...)
    return 1
  end
  return realCall(name, ...)
end
`;

/**
 * Runs after each command. ARGV are the keys on which clients block.
 * Returns {when the next key expires in virtual time or 0, the messages, which of ARGV exist}.
 */
const afterText = `
local now, soonest = tonumber(redis.call('GET', '${nowKey}')), 0
local time = redis.call('TIME')
local realNow = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(redis.call('KEYS', '*')) do
  local at = redis.call('PEXPIRETIME', key)
  if at > 0 then
    if at < ${expiryBase} then
      at = ${expiryBase} + now + math.floor((at - realNow) / 10 + 0.5) * 10
      redis.call('PEXPIREAT', key, string.format('%.0f', at))
    end
    at = at - ${expiryBase}
    if soonest == 0 or at < soonest then soonest = at end
  end
end
local messages, found = redis.call('LRANGE', '${messagesKey}', 0, -1), {}
if #messages > 0 then redis.call('DEL', '${messagesKey}') end
for at, key in ipairs(ARGV) do found[at] = redis.call('EXISTS', key) end
return { string.format('%.0f', soonest), messages, found }
`;

/** Runs before a command if time has passed. ARGV[1] is the virtual time. */
const beforeText = `
redis.call('SET', '${nowKey}', ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local at = redis.call('PEXPIRETIME', key)
  if at >= ${expiryBase} and at - ${expiryBase} <= tonumber(ARGV[1]) then redis.call('DEL', key) end
end
return 1
`;

const pttlText = "return redis.call('PTTL', KEYS[1])";

/** Changes the text of a script, to see that a fault in it is found. */
export type Mutation = (text: string) => string;

/** The scripts that Redis has loaded, by the SHA-1 of the text that the code under test knows. */
export class VirtualScripts {
  readonly #real: RealRedis;
  readonly #loaded = new Map<string, string>();
  /** The names of the files by the first lines of the scripts. */
  readonly #headings = new Map<string, string>();
  readonly #names = new Map<string, string>();
  readonly #shas = new Map<string, string>();
  #mutate: Mutation | undefined;
  after = '';
  before = '';
  pttl = '';

  constructor(real: RealRedis) {
    this.#real = real;
    for (const file of readdirSync(new URL('../../../shared/store/scripts/', import.meta.url))) {
      if (file.endsWith('.lua') && file !== 'functions.lua') {
        const name = file.slice(0, -'.lua'.length);
        this.#headings.set(headingOf(scriptText(name)), name);
      }
    }
  }

  set mutation(mutate: Mutation | undefined) {
    this.#mutate = mutate;
    this.#loaded.clear();
  }

  /** @returns the SHA-1 of a text. */
  shaOf(text: string): string {
    let sha = this.#shas.get(text);
    if (sha === undefined) this.#shas.set(text, (sha = shaOf(text)));
    return sha;
  }

  /** Loads the harness's own. To be called once. */
  async load(): Promise<void> {
    this.after = String(await this.#real.call('SCRIPT', 'LOAD', afterText));
    this.before = String(await this.#real.call('SCRIPT', 'LOAD', beforeText));
    this.pttl = String(await this.#real.call('SCRIPT', 'LOAD', prelude + pttlText));
  }

  /** @returns the SHA-1 by which Redis knows the changed text of a script. */
  async shaFor(text: string): Promise<string> {
    const known = this.#loaded.get(text);
    if (known !== undefined) return known;
    const changed = prelude + (this.#mutate?.(text) ?? text);
    const sha = String(await this.#real.call('SCRIPT', 'LOAD', changed));
    this.#loaded.set(text, sha);
    return sha;
  }

  /** @returns a name for people. */
  nameOf(sha: string): string {
    return this.#names.get(sha) ?? sha.slice(0, 8);
  }

  /** Notes the text of a script. */
  name(text: string, sha: string): void {
    if (this.#names.has(sha)) return;
    const heading = headingOf(text);
    this.#names.set(sha, this.#headings.get(heading) ?? heading.slice(0, 24));
  }
}

/** @returns the first line of a script that says something. */
function headingOf(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^[-[\s]*/, ''));
  return lines.find((line) => line !== '') ?? '';
}

export function shaOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
