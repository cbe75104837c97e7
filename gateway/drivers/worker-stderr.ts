import type { Readable } from 'node:stream';
import { LastLines } from './last-lines.ts';

/** A process that the worker has left behind may hold the stream open; it is waited for so long, in ms. */
const drainMs = 100;

/** What a worker writes to stderr, once it has ended. */
export interface WorkerStderr {
  /** Resolves with the last lines when all that the worker wrote is passed on. To be called after its end. */
  ended(): Promise<readonly string[]>;
}

/**
 * Passes a worker's stderr on to this process's own, unchanged, and keeps the end of it. If nobody takes what this
 * process writes, the worker has to wait.
 */
export function passOnStderr(
  from: Readable | null,
  to: NodeJS.WritableStream = process.stderr,
): WorkerStderr {
  const last = new LastLines();
  if (from === null) return { ended: () => Promise.resolve(last.lines) };
  const closed = new Promise<void>((resolve) => {
    from.once('close', resolve);
  });
  from.on('error', () => undefined);
  from.on('data', (chunk: Buffer) => {
    last.push(chunk);
    if (to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  return {
    ended: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([closed, late]);
      clearTimeout(timer);
      return last.lines;
    },
  };
}
