/** The protocol of Redis (RESP2), as far as the harness has to read and write it. */

/** A command and its arguments. */
export type Command = readonly Buffer[];

/** What a reply means. */
export type Decoded = string | number | null | Error | readonly Decoded[];

const crlf = Buffer.from('\r\n');

/** @returns the whole commands at the beginning, and the bytes after them. */
export function parseCommands(bytes: Buffer): { readonly commands: Command[]; readonly rest: Buffer } {
  const commands: Command[] = [];
  let at = 0;
  for (;;) {
    const parsed = parseCommand(bytes, at);
    if (parsed === undefined) return { commands, rest: bytes.subarray(at) };
    commands.push(parsed.command);
    at = parsed.end;
  }
}

function parseCommand(
  bytes: Buffer,
  start: number,
): { readonly command: Command; readonly end: number } | undefined {
  const head = lineEnd(bytes, start);
  if (head < 0) return undefined;
  const count = numberAt(bytes, start, head);
  const command: Buffer[] = [];
  let at = head + 2;
  for (let n = 0; n < count; n += 1) {
    const end = lineEnd(bytes, at);
    if (end < 0) return undefined;
    const from = end + 2;
    const to = from + numberAt(bytes, at, end);
    if (to + 2 > bytes.length) return undefined;
    command.push(bytes.subarray(from, to));
    at = to + 2;
  }
  return { command, end: at };
}

function lineEnd(bytes: Buffer, from: number): number {
  return bytes.indexOf(crlf, from);
}

/** @returns the number after the type of a line. */
function numberAt(bytes: Buffer, start: number, end: number): number {
  return Number(bytes.toString('latin1', start + 1, end));
}

export function encodeCommand(command: readonly (Buffer | string | number)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${command.length}\r\n`)];
  for (const each of command) {
    const bytes = Buffer.isBuffer(each) ? each : Buffer.from(String(each));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, crlf);
  }
  return Buffer.concat(parts);
}

/** @returns where the reply ends that begins at `at`; -1 if it is not whole. */
export function replyEnd(bytes: Buffer, at: number): number {
  const end = lineEnd(bytes, at);
  if (end < 0) return -1;
  const type = String.fromCharCode(bytes[at] ?? 0);
  if (type === '$') {
    const length = numberAt(bytes, at, end);
    const after = length < 0 ? end + 2 : end + 2 + length + 2;
    return after > bytes.length ? -1 : after;
  }
  if (type !== '*') return end + 2;
  let next = end + 2;
  for (let left = numberAt(bytes, at, end); left > 0 && next >= 0; left -= 1) next = replyEnd(bytes, next);
  return next;
}

/** Reads one whole reply. */
export function decodeReply(bytes: Buffer, at = 0): Decoded {
  const end = lineEnd(bytes, at);
  const type = String.fromCharCode(bytes[at] ?? 0);
  const line = bytes.toString('utf8', at + 1, end);
  if (type === '+') return line;
  if (type === '-') return new Error(line);
  if (type === ':') return Number(line);
  const length = Number(line);
  if (length < 0) return null;
  if (type === '$') return bytes.toString('utf8', end + 2, end + 2 + length);
  const items: Decoded[] = [];
  let next = end + 2;
  for (let n = 0; n < length; n += 1) {
    items.push(decodeReply(bytes, next));
    next = replyEnd(bytes, next);
  }
  return items;
}

export function encodeError(message: string): Buffer {
  return Buffer.from(`-${message}\r\n`);
}

export function encodeReply(value: Decoded | Buffer): Buffer {
  if (value === null) return Buffer.from('*-1\r\n');
  if (typeof value === 'number') return Buffer.from(`:${value}\r\n`);
  if (value instanceof Error) return encodeError(value.message);
  if (Array.isArray(value)) {
    const items = value as readonly Decoded[]; // of the types above, only this is one
    return Buffer.concat([Buffer.from(`*${items.length}\r\n`), ...items.map((each) => encodeReply(each))]);
  }
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value as string); // nothing else is left
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, crlf]);
}
