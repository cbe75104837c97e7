import type { Container } from 'dockerode';
import { askEngine } from './engine-call.ts';
import { LastLines, maxLines } from '#shared/process/last-lines.ts';

/**
 * Time in ms in which the engine has to return a container's log. The container's name is not free before.
 */
const timeoutMs = 2000;
/** Length of the head of a frame. The engine frames the output of a container without a terminal. */
const headBytes = 8;

/**
 * @param container that has ended and still exists.
 * @returns the last lines that it wrote to stderr; none if the engine does not return them. Never rejects.
 */
export async function lastLogLines(container: Container): Promise<readonly string[]> {
  try {
    const frames = await askEngine(timeoutMs, () =>
      container.logs({ stdout: false, stderr: true, tail: maxLines, follow: false }),
    );
    return linesOf(frames);
  } catch {
    return [];
  }
}

/** @param frames each a head, whose last four bytes are the length of the text, and the text. */
export function linesOf(frames: Buffer): readonly string[] {
  const last = new LastLines();
  for (let at = 0; at + headBytes <= frames.length;) {
    const end = at + headBytes + frames.readUInt32BE(at + 4);
    last.push(frames.subarray(at + headBytes, end));
    at = end;
  }
  return last.lines;
}
