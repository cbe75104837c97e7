import { types } from 'node:util';
import { shownUrl } from './shown-url.ts';

/** The parts of an error that may be logged. Others, e.g. the arguments of a command, are left out. */
export interface SafeError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly code?: string | number;
  readonly cause?: SafeError;
  /** The errors of an `AggregateError`. */
  readonly errors?: readonly SafeError[];
}

/** How many nested causes are shown. */
const maxDepth = 4;
/** How many errors of an `AggregateError` are shown. */
const maxErrors = 10;
/** How many characters of a message are shown. */
const maxLength = 2000;

/** V8 quotes the text in these messages. */
const jsonMessages = ['is not valid JSON', 'in JSON at position'];
/** Libraries quote their arguments between these texts, or from the first one to the end. */
const payloads: readonly (readonly [from: string, to?: string])[] = [
  ['Invalid regular expression: '],
  ['Cannot convert ', ' to a BigInt'],
  // Node.js and undici show a value that they refuse.
  ['Received '],
  ['"', '" is an invalid header'],
  ['Invalid value "', '" for header'],
  ['Failed to parse URL from '],
  // Redis repeats the beginning of an unknown command, ioredis an unexpected reply.
  ['with args beginning with: '],
  ['Last reply: '],
];
/** URLs in a text, without those of source files in a stack. */
const urls = /\b(?!file:|node:)[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>`]+/gi;

/**
 * @returns a message without the arguments that a library quotes, and with its URLs without user and query.
 */
export function safeText(message: string): string {
  if (jsonMessages.some((each) => message.includes(each))) return 'the text is not valid JSON';
  let text = message;
  for (const [from, to] of payloads) text = without(text, from, to);
  return text.slice(0, maxLength).replace(urls, (url) => shownUrl(url) ?? 'a URL');
}

/** @returns the text with `…` instead of everything between the first `from` and the last `to`. */
function without(text: string, from: string, to?: string): string {
  const begin = text.indexOf(from) + from.length;
  const end = to === undefined ? text.length : text.lastIndexOf(to);
  return begin < from.length || end < begin ? text : `${text.slice(0, begin)}…${text.slice(end)}`;
}

/**
 * @param thrown an error, or any other thrown value.
 * @returns its type, message, stack and code, and those of its causes. Never throws.
 */
export function safeError(thrown: unknown, deep = 0): SafeError {
  try {
    return types.isNativeError(thrown) || thrown instanceof Error ? ofError(thrown, deep) : ofOther(thrown);
  } catch {
    return { type: 'Error', message: 'an error that cannot be read', stack: '' };
  }
}

/** @returns the message of a thrown value, in a form that may be logged. */
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
  const further = deep < maxDepth;
  return {
    type,
    message,
    stack: [`${type}: ${message}`, ...framesOf(error)].join('\n'),
    ...(shown ? { code } : {}),
    ...(further && error.cause !== undefined ? { cause: safeError(error.cause, deep + 1) } : {}),
    ...(further && Array.isArray(errors)
      ? { errors: errors.slice(0, maxErrors).map((each) => safeError(each, deep + 1)) }
      : {}),
  };
}

/**
 * @returns the frames of a stack. The message at its beginning is skipped: its lines may look like frames.
 */
export function framesOf({ stack, message }: Error): string[] {
  const text = String(stack);
  const at = text.indexOf(message);
  const frames = at < 0 ? text : text.slice(at + message.length);
  return frames.split('\n').filter((line) => /^ {4}at /.test(line));
}

/**
 * A thrown string is a message. Any other thrown value may contain a whole request, so only its type is
 * shown.
 */
function ofOther(thrown: unknown): SafeError {
  if (typeof thrown === 'string') return { type: 'string', message: safeText(thrown), stack: '' };
  const type = typeof thrown === 'object' && thrown !== null ? thrown.constructor.name : typeof thrown;
  const known = /^[\w$]{1,100}$/.test(type) ? type : 'object';
  return { type: known, message: `a thrown value of type ${known}`, stack: '' };
}
