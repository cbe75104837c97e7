/** What a line of a log says, as people read it. */
export interface ShownFields {
  /** The replica, or the role of the process. */
  readonly who: string;
  /** The beginning of the request's id; empty if the line is about none. */
  readonly request: string;
  readonly message: string;
  /** The other fields, as `name=value`. */
  readonly fields: string;
  /** The lines of the code frame. */
  readonly frame: readonly string[];
  /** The frames of the error's stack, and those of its causes. */
  readonly stack: readonly string[];
}

/** Those that are shown elsewhere in the line, or are of no use to people. */
const notFields: ReadonlySet<string> = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'role',
  'replica',
  'name',
  'request',
  'stream',
  'frame',
  'err',
  'alike',
]);
const idLength = 8;
/** How many causes of an error are shown. */
const maxDepth = 4;

/** @returns what one line of a log says, without characters that a terminal would obey. */
export function shownFields(line: Readonly<Record<string, unknown>>, messageKey = 'msg'): ShownFields {
  const { replica, role, request, frame, err } = line;
  const who = textOf(replica) ?? textOf(role) ?? 'ringpost';
  const { title, stack } = errorOf(err);
  const said = textOf(line[messageKey]) ?? '';
  const message = title === '' || said.includes(title) ? said : [said, title].filter(Boolean).join(': ');
  const fields = Object.entries(line)
    .filter(([name]) => name !== messageKey && !notFields.has(name))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return {
    who: printable(who),
    request: printable(textOf(request)?.slice(0, idLength) ?? ''),
    message: printable(message),
    fields: printable(fields.join(' ')),
    frame: (textOf(frame)?.split('\n') ?? []).map(printable),
    stack: stack.map(printable),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** @returns the first line of a logged error, and its frames with those of its causes. */
function errorOf(err: unknown, depth = 0): { title: string; stack: readonly string[] } {
  if (typeof err !== 'object' || err === null || depth > maxDepth) return { title: '', stack: [] };
  const { type, message, stack, cause } = err as Readonly<Record<string, unknown>>; // each is checked below
  const title = [textOf(type), textOf(message)].filter((part) => part !== undefined).join(': ');
  const frames = (textOf(stack) ?? '').split('\n').filter((each) => /^ {4}at /.test(each));
  const further = errorOf(cause, depth + 1);
  const caused = further.title === '' ? [] : [`caused by ${further.title}`, ...further.stack];
  return { title, stack: [...frames.map((each) => each.trim()), ...caused] };
}

/** Removes control characters; tabs, line breaks and colours stay. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is removed
  return text.replace(/\x1b(?!\[[\d;]*m)|[\0-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g, '');
}
