import { decodeReply, encodeReply } from './resp.ts';
import type { Command } from './resp.ts';
import { tickMs } from './virtual-clock.ts';
import type { VirtualScripts } from './virtual-scripts.ts';

/** What is sent to Redis for a command of the code under test. */
export interface Translated {
  readonly command: Command;
  /** The command blocks, and Redis is asked without blocking. */
  readonly block?: { readonly keys: readonly string[]; readonly waitMs: number };
  /** Makes the reply that the command would have had. */
  readonly reply?: (bytes: Buffer) => Buffer;
}

/** Commands that concern no data: they are answered at once, without Redis. */
const free = new Set(['hello', 'info', 'time', 'client', 'select', 'auth', 'ping', 'readonly']);

const reads = new Set([
  'get',
  'mget',
  'exists',
  'hget',
  'hmget',
  'hgetall',
  'hlen',
  'lrange',
  'llen',
  'lindex',
  'pttl',
  'zcard',
  'zscore',
  'zrange',
  'zrangebyscore',
  'zcount',
  'smembers',
  'sismember',
  'scard',
  'strlen',
  'xrange',
  'xrevrange',
  'xlen',
  'getrange',
  'type',
  'zmscore',
  'zrank',
  'smismember',
]);

export function isFree(name: string): boolean {
  return free.has(name);
}

/** @returns whether a command may change something. */
export function writes([name]: Command): boolean {
  return !reads.has(name?.toString().toLowerCase() ?? '');
}

/**
 * @param texts the scripts that were sent before, by their SHA-1.
 * @returns what is sent to Redis, or the error that Redis would answer.
 */
export async function translate(
  command: Command,
  scripts: VirtualScripts,
  texts: Map<string, string>,
): Promise<Translated | { readonly refusal: string }> {
  const [name, first, ...others] = command;
  switch (name?.toString().toLowerCase()) {
    case 'eval': {
      const text = first?.toString() ?? '';
      const sha = scripts.shaOf(text);
      texts.set(sha, text);
      scripts.name(text, sha);
      return byScript(await scripts.shaFor(text), others);
    }
    case 'evalsha': {
      const text = texts.get(first?.toString() ?? '');
      if (text === undefined) return { refusal: 'NOSCRIPT No matching script. Please use EVAL.' };
      return byScript(await scripts.shaFor(text), others);
    }
    case 'pttl':
      return byScript(scripts.pttl, [Buffer.from('1'), first ?? Buffer.alloc(0)]);
    case 'blmpop': {
      const count = Number(others[0]?.toString());
      const keys = others.slice(1, 1 + count).map((each) => each.toString());
      return { command: [Buffer.from('LMPOP'), ...others], block: { keys, waitMs: msOf(first) } };
    }
    case 'bzpopmin': {
      const [timeout] = others;
      const key = first ?? Buffer.alloc(0);
      return {
        command: [Buffer.from('ZPOPMIN'), key],
        block: { keys: [key.toString()], waitMs: msOf(timeout) },
        reply: (bytes) => {
          const popped = decodeReply(bytes);
          if (!Array.isArray(popped)) return bytes;
          return encodeReply(popped.length === 0 ? null : [key.toString(), ...(popped as string[])]);
        },
      };
    }
    case 'smembers':
      // Redis lists them in an order that differs between servers.
      return {
        command,
        reply: (bytes) => {
          const members = decodeReply(bytes);
          // The members of a set are strings.
          return Array.isArray(members) ? encodeReply((members as string[]).toSorted()) : bytes;
        },
      };
    default:
      return { command };
  }
}

function byScript(sha: string, others: readonly Buffer[]): Translated {
  return { command: [Buffer.from('EVALSHA'), Buffer.from(sha), ...others] };
}

/** @param seconds of a blocking command; 0: for ever. */
function msOf(seconds: Buffer | undefined): number {
  const given = Number(seconds?.toString());
  return given === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil((given * 1000) / tickMs)) * tickMs;
}
