import { createRequire } from 'node:module';
import type { MessageFormatFunc, PrettyOptions } from 'pino-pretty';
import { shownFields } from './shown-fields.ts';
import { writeStderr } from './stderr.ts';

/** `auto` is `pretty` if stderr is a terminal, `json` otherwise. */
export type LogFormat = 'auto' | 'json' | 'pretty';

/** Makes text for people of a line of a log, without its line break. Other lines stay as they are. */
export type LineFormat = (line: string) => string;

/** What is used of the package. */
interface Pretty {
  prettyFactory(options: PrettyOptions): (line: string) => string;
}

type Colors = Parameters<MessageFormatFunc>[3]['colors'];

/** Each replica has a colour; neighbours such as S1 and S2 have different ones. */
const replicaColors = ['cyan', 'magenta', 'blue', 'green', 'yellow', 'cyanBright'] as const;

/**
 * @param stderr where the lines are written to.
 * @returns the function that makes lines readable; undefined if JSON lines are wanted, or if `pino-pretty` is
 * not installed.
 */
export function lineFormat(
  format: LogFormat,
  stderr: NodeJS.WriteStream = process.stderr,
): LineFormat | undefined {
  if (format === 'json' || (format === 'auto' && !stderr.isTTY)) return undefined;
  const pretty = loadPretty();
  if (pretty === undefined) {
    if (format === 'pretty')
      writeStderr('ringpost: LOG_FORMAT=pretty needs the package pino-pretty; logs are JSON without it\n');
    return undefined;
  }
  const print = pretty.prettyFactory({
    // Honours NO_COLOR and FORCE_COLOR.
    colorize: stderr.isTTY && stderr.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    customPrettifiers: { time: String },
    // The message shows what is of use of them.
    hideObject: true,
    ignore: 'pid,hostname,name',
    messageFormat: (line, messageKey, _, { colors }) => messageOf(line, messageKey, colors),
  });
  return (line) => (line.startsWith('{') ? print(line).replace(/\n$/, '') : line);
}

/** Loaded on demand: a process that logs JSON does not need it, and the image of workers has none. */
function loadPretty(): Pretty | undefined {
  try {
    // The package declares its types so.
    return createRequire(import.meta.url)('pino-pretty') as Pretty;
  } catch {
    return undefined;
  }
}

function messageOf(line: Record<string, unknown>, messageKey: string, colors: Colors): string {
  const { who, request, message, fields, frame, stack } = shownFields(line, messageKey);
  const sum = Buffer.from(who).reduce((total, byte) => total + byte, 0);
  const color = replicaColors[sum % replicaColors.length] ?? 'cyan';
  const head = [colors[color](who), ...(request === '' ? [] : [colors.gray(request)]), colors.reset(message)];
  if (fields !== '') head.push(colors.gray(fields));
  const below = [...frame, ...stack.map((text) => colors.gray(text))].map((text) => `    ${text}`);
  return [head.join(' '), ...below].join('\n');
}
