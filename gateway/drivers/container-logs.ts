import type { Container } from 'dockerode';
import { askEngine } from './engine-call.ts';
import { LastLines, mostLines } from './last-lines.ts';

/** The engine has this time to give a container's log, in ms: the container's name is not free before. */
const timeoutMs = 2000;
/** Of the frames in which the engine sends the output of a container that has no terminal. */
const headBytes = 8;

/**
 * @param container that has ended and is still there.
 * @returns the last lines that it wrote to stderr; none if the engine does not give them. Never rejects.
 */
export async function lastWords(container: Container): Promise<readonly string[]> {
  try {
    const frames = await askEngine(timeoutMs, () =>
      container.logs({ stdout: false, stderr: true, tail: mostLines, follow: false }),
    );
    return linesOf(frames);
  } catch {
    return [];
  }
}

/** @param frames each a head with its length in its last four bytes, and what was written. */
export function linesOf(frames: Buffer): readonly string[] {
  const last = new LastLines();
  for (let at = 0; at + headBytes <= frames.length;) {
    const end = at + headBytes + frames.readUInt32BE(at + 4);
    last.push(frames.subarray(at + headBytes, end));
    at = end;
  }
  return last.lines;
}
