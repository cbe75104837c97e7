import { shownFields } from './shown-fields.ts';

/**
 * @param lines that a process wrote to stderr.
 * @returns the same, with text instead of each JSON line of a log: its message, the code frame, and the stack
 * if there is no frame.
 */
export function logText(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const fields = parse(line);
    if (fields === undefined) return [line];
    const { message, frame, stack } = shownFields(fields);
    const below = frame.length > 0 ? frame : stack;
    return [...message.split('\n'), ...below.map((text) => `    ${text}`)];
  });
}

/** @returns the fields of a line of a log; undefined for any other line. */
function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{"level":')) return undefined;
  try {
    // JSON that begins so is an object.
    return JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
