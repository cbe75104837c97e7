import { session } from './session-state.ts';
import { adviceFor } from '../words/advice.ts';

/** A call that failed, in words for people. */
export class CallError extends Error {
  override readonly name = 'CallError';
  /** Status of the answer; 0 if there was none. */
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** What to do, in one sentence. */
  get advice(): string {
    return adviceFor(this.code, this.status);
  }
}

/** The methods of the API. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * Calls the gateway's API.
 * @param path with its query.
 * @returns the answer's JSON; undefined if it has no body.
 * @throws {CallError} if there is no answer, or one that is not 2xx.
 */
export async function call<T>(
  method: Method,
  path: string,
  { body, signal }: { readonly body?: unknown; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const response = await answerOf(method, path, body, signal);
  const text = await response.text();
  const value = parse(text);
  if (response.ok) {
    // The gateway that serves this page is of the same release, and so are its answers.
    return value as T;
  }
  const fault = faultOf(response.status, value);
  // The session has ended: the page shows the sign-in.
  const known = session.peek();
  if (fault.status === 401 && known !== null && known.access !== 'none')
    session.value = { ...known, role: null, csrf: null };
  throw fault;
}

async function answerOf(
  method: Method,
  path: string,
  given: unknown,
  signal: AbortSignal | undefined,
): Promise<Response> {
  // A gateway takes no POST of a page that could be a form's: it has to be JSON, even if it says nothing.
  const body = given ?? (method === 'POST' ? {} : undefined);
  const csrf = session.peek()?.csrf ?? null;
  try {
    return await fetch(path, {
      method,
      cache: 'no-store',
      credentials: 'same-origin',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' || csrf === null ? {} : { 'ringpost-csrf': csrf }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new CallError(0, 'no_answer', 'The gateway does not answer.');
  }
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads a problem (RFC 9457), or the form of `/add` and `/rm`. */
function faultOf(status: number, value: unknown): CallError {
  const fields = Object(value) as Readonly<Record<string, unknown>>;
  const textOf = (name: string): string | undefined => {
    const field = fields[name];
    return typeof field === 'string' && field !== '' ? field : undefined;
  };
  const message = textOf('detail') ?? textOf('message')?.replace(/^<Error> /, '') ?? textOf('title');
  return new CallError(status, textOf('code') ?? '', message ?? `The gateway answered ${status}.`);
}
