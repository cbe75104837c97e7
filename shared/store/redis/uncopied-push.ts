import type { Duplex } from 'node:stream';
import { Command } from 'ioredis';
import type { Redis } from 'ioredis';

/** An entry for a list: whole, or as parts that follow one another. */
export type PartedEntry = string | Buffer | readonly (string | Buffer)[];

const name = 'rpush';

/**
 * Appends entries to a list. ioredis would copy all entries into one buffer; this writes the parts as they
 * are. Call it within `inOneWrite`, so that they leave in one write.
 */
export function pushUncopied(redis: Redis, list: string, entries: readonly PartedEntry[]): Promise<unknown> {
  const command = new UncopiedPush(list, entries);
  redis.sendCommand(command);
  return command.promise;
}

class UncopiedPush extends Command {
  readonly #entries: readonly PartedEntry[];

  constructor(list: string, entries: readonly PartedEntry[]) {
    // ioredis looks at the key only.
    super(name, [list]);
    this.#entries = entries;
  }

  /** ioredis writes what this returns. A connection that was opened again gets all of it again. */
  override toWritable(socket: Duplex): string {
    const [list] = this.args as [string]; // the constructor has given it
    let text = `*${this.#entries.length + 2}\r\n$${name.length}\r\n${name}\r\n$${Buffer.byteLength(list)}\r\n${list}\r\n`;
    for (const entry of this.#entries) {
      const parts = typeof entry === 'string' || Buffer.isBuffer(entry) ? [entry] : entry;
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
