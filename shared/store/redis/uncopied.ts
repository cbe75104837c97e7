import type { Duplex } from 'node:stream';
import { Command } from 'ioredis';
import type { Redis } from 'ioredis';

/** An argument of a command: whole, or as parts that follow one another. */
export type PartedArgument = string | Buffer | readonly (string | Buffer)[];

/**
 * Appends entries to a list. ioredis would copy all entries into one buffer; this writes the parts as they
 * are. Call it within `inOneWrite`, so that they leave in one write.
 */
export function pushUncopied(
  redis: Redis,
  list: string,
  entries: readonly PartedArgument[],
): Promise<unknown> {
  return send(redis, new UncopiedCommand('rpush', list, entries));
}

/** Appends bytes to a string. Its bytes are not copied. See {@link pushUncopied}. @returns its new length. */
export function appendUncopied(redis: Redis, key: string, bytes: Buffer): Promise<number> {
  // Redis says so.
  return send(redis, new UncopiedCommand('append', key, [bytes])) as Promise<number>;
}

/** Sets a string that expires after `ttlMs`. Its bytes are not copied. See {@link pushUncopied}. */
export function setUncopied(redis: Redis, key: string, bytes: Buffer, ttlMs: number): Promise<unknown> {
  return send(redis, new UncopiedCommand('set', key, [bytes, 'PX', String(ttlMs)]));
}

function send(redis: Redis, command: UncopiedCommand): Promise<unknown> {
  redis.sendCommand(command);
  return command.promise;
}

class UncopiedCommand extends Command {
  readonly #others: readonly PartedArgument[];

  constructor(name: string, key: string, others: readonly PartedArgument[]) {
    // ioredis looks at the key only.
    super(name, [key]);
    this.#others = others;
  }

  /** ioredis writes what this returns. A connection that was opened again gets all of it again. */
  override toWritable(socket: Duplex): string {
    const { name } = this;
    const [key] = this.args as [string]; // the constructor has given it
    let text = `*${this.#others.length + 2}\r\n$${name.length}\r\n${name}\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n`;
    for (const other of this.#others) {
      const parts = typeof other === 'string' || Buffer.isBuffer(other) ? [other] : other;
      const length = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
      text += `$${length}\r\n`;
      for (const part of parts) {
        if (typeof part === 'string') {
          text += part;
          continue;
        }
        socket.write(text);
        socket.write(part);
        text = '';
      }
      text += '\r\n';
    }
    return text;
  }
}
