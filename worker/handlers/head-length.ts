import type { ByteSource } from './handler.ts';

/** For so long the answer to a HEAD request is read to know its length, in ms. */
const readMs = 5;

/**
 * Reads a body that nobody gets, to know its length. Most bodies are there at once.
 * @returns how many bytes it has; undefined if it has not ended within 5 ms: then the caller cancels it.
 * Rejects with what the source fails with.
 */
export function lengthOf(source: ByteSource): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    let length = 0;
    const timer = setTimeout(() => {
      source.pause();
      resolve(undefined);
    }, readMs);
    source.start({
      bytes: (chunk) => void (length += chunk.length),
      end: () => {
        clearTimeout(timer);
        resolve(length);
      },
      fail: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}
