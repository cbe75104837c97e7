import { Writable } from 'node:stream';

/**
 * Writes to this process's stderr, also while `process.stderr.write` is replaced: in a worker it belongs to
 * the handler.
 * @returns false if the reader is slow.
 */
export function writeStderr(text: string): boolean {
  return Writable.prototype.write.call(process.stderr, text, 'utf8', () => undefined);
}
