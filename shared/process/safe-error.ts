import { types } from 'node:util';
import { shownUrl } from './shown-url.ts';

/** What a log says of an error. Whatever else an error carries, e.g. the arguments of a command, stays out of it. */
export interface SafeError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: string | number;
  readonly cause?: SafeError;
  /** Those of an `AggregateError`. */
  readonly errors?: readonly SafeError[];
}

/** Causes of causes, and errors of an `AggregateError`, past which none is shown. */
const mostDeep = 4;
const mostWide = 10;
const mostShown = 2000;

/** Where V8 quotes a text that it could not read. */
const noJson = ['is not valid JSON', 'in JSON at position'];
/** Between what libraries put into messages of what they were given; to the end, if the second is not there. */
const payloads: readonly (readonly [from: string, to?: string])[] = [
  ['Invalid regular expression: '],
  ['Cannot convert ', ' to a BigInt'],
  // Node.js and undici show a value that they do not take.
  ['Received '],
  ['"', '" is an invalid header'],
  ['Invalid value "', '" for header'],
  ['Failed to parse URL from '],
  // Redis repeats the beginning of a command that it does not know, ioredis a reply that it did not ask for.
  ['with args beginning with: '],
  ['Last reply: '],
];
/** The URLs of a text. The files of a stack are none of them. */
const urls = /\b(?!file:|node:)[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>`]+/gi;

/** @returns a message without what a library puts there of its arguments, and its URLs without user and query. */
export function safeText(message: string): string {
  if (noJson.some((each) => message.includes(each))) return 'the text is not valid JSON';
  let text = message;
  for (const [from, to] of payloads) text = without(text, from, to);
  return text.slice(0, mostShown).replace(urls, (url) => shownUrl(url) ?? 'a URL');
}

/** @returns the text with `…` for what is between the first `from` and the last `to`. */
function without(text: string, from: string, to?: string): string {
  const begin = text.indexOf(from) + from.length;
  const end = to === undefined ? text.length : text.lastIndexOf(to);
  return begin < from.length || end < begin ? text : `${text.slice(0, begin)}…${text.slice(end)}`;
}

/**
 * @param thrown an error, or anything else that can be thrown.
 * @returns its type, message, stack and code, and those of its causes. Never throws.
 */
export function safeError(thrown: unknown, deep = 0): SafeError {
  try {
    return types.isNativeError(thrown) || thrown instanceof Error ? ofError(thrown, deep) : ofOther(thrown);
  } catch {
    return { type: 'Error', message: 'an error that cannot be read', stack: '' };
  }
}

/** @returns the message of what was thrown, as a log may have it. */
export function safeMessage(thrown: unknown): string {
  return safeError(thrown).message;
}

function ofError(error: Error, deep: number): SafeError {
  const type = /^[\w$.-]{1,100}$/.test(error.name) ? error.name : 'Error';
  const { message: said } = error as { readonly message: unknown };
  const message = safeText(String(said));
  const { code } = error as { readonly code?: unknown };
  const shown = typeof code === 'number' || (typeof code === 'string' && /^[\w.-]{1,64}$/.test(code));
  const { errors } = error as { readonly errors?: unknown };
  const further = deep < mostDeep;
  return {
    type,
    message,
    stack: [`${type}: ${message}`, ...framesOf(error)].join('\n'),
    ...(shown ? { code } : {}),
    ...(further && error.cause !== undefined ? { cause: safeError(error.cause, deep + 1) } : {}),
    ...(further && Array.isArray(errors)
      ? { errors: errors.slice(0, mostWide).map((each) => safeError(each, deep + 1)) }
      : {}),
  };
}

/** A stack begins with the message, which may have lines that look like frames. */
function framesOf({ stack, message }: Error): string[] {
  const text = String(stack);
  const at = text.indexOf(message);
  const frames = at < 0 ? text : text.slice(at + message.length);
  return frames.split('\n').filter((line) => /^ {4}at /.test(line));
}

/** A text is a message. What else is thrown may hold a whole request. */
function ofOther(thrown: unknown): SafeError {
  if (typeof thrown === 'string') return { type: 'string', message: safeText(thrown), stack: '' };
  const type = typeof thrown === 'object' && thrown !== null ? thrown.constructor.name : typeof thrown;
  const known = /^[\w$]{1,100}$/.test(type) ? type : 'object';
  return { type: known, message: `it is no error, but of type ${known}`, stack: '' };
}
