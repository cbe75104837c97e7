import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** After so many bytes a collection costs about 1 ms, where reading and sending them takes 70 ms. */
const bytesBetween = 4 * 1024 * 1024;

let bytesSince = 0;
let collect: (() => void) | undefined;

/**
 * Frees the memory of the chunks of large answers soon after they are passed on. V8 does not count the bytes
 * of Buffers as young: it frees them when the few small objects around them fill its young generation, after
 * hundreds of MiB, or by a major collection. docs/v8.md says what this gains.
 * @param bytes how many bytes of chunks were passed on.
 */
export function noteChunkBytes(bytes: number): void {
  bytesSince += bytes;
  if (bytesSince < bytesBetween) return;
  bytesSince = 0;
  collect ??= minorCollection();
  collect();
}

/** @returns a function that runs a minor collection. */
function minorCollection(): () => void {
  setFlagsFromString('--expose-gc');
  // Only a context that is made after the flag was set has the function.
  const gc = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
  return () => gc({ type: 'minor' });
}
