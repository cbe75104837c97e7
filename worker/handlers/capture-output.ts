import { lineFormat } from '#shared/process/pretty-lines.ts';
import type { LogFormat } from '#shared/process/pretty-lines.ts';
import { writeStderr } from '#shared/process/stderr.ts';
import { HandlerOutput } from './handler-output.ts';

/** Turns what this process prints from now on into lines of its log. For a process of its own. */
export function captureOutput(replica: string, format: LogFormat): HandlerOutput {
  const pretty = lineFormat(format) ?? ((line: string) => line);
  const output = new HandlerOutput(replica, (line) => writeStderr(`${pretty(line)}\n`));
  output.install();
  return output;
}
