import type { Readable } from 'node:stream';
import { LastLines } from '#shared/process/last-lines.ts';

/** Time in ms to wait for the end of the stream. A process that the worker left behind may hold it open. */
const drainMs = 100;

/** What a worker has written to stderr. */
export interface WorkerStderr {
  /**
   * Resolves with the last lines once all that the worker wrote is passed on. Call it after the worker has
   * ended.
   */
  ended(): Promise<readonly string[]>;
}

/**
 * Passes a worker's stderr on to this process's stderr unchanged, and keeps the end of it. If the reader of
 * this process's stderr is slow, the worker has to wait.
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
