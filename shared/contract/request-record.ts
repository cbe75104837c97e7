import { isCount } from './json-object.ts';
import { parseCaller } from './caller.ts';
import type { Caller } from './caller.ts';
import { headerValue } from './headers.ts';
import type { HttpReply } from './http.ts';

/**
 * What is kept of a request whose answer can be asked for later.
 *
 *   queued --a worker takes it--> running --its handler has answered--> done; failed with 429 or 5xx
 *   running --it is to be tried again--> queued
 *   running --its worker died, and it may run again--> queued; failed where it may not
 *   queued --DELETE--> cancelled
 *   running --DELETE: it is asked for in the record, and its worker lets go, or would begin it again--> cancelled
 *   queued, running --its deadline passed--> expired
 */
export const requestStates = ['queued', 'running', 'done', 'failed', 'cancelled', 'expired'] as const;
export type RequestState = (typeof requestStates)[number];

/** The states that a request does not leave any more. */
export const finalStates: ReadonlySet<RequestState> = new Set(['done', 'failed', 'cancelled', 'expired']);

/** A request's record in Redis; all times in ms since the epoch by Redis's clock. */
export interface RequestRecord {
  readonly state: RequestState;
  /** Raised by each change. */
  readonly change: number;
  readonly method: string;
  readonly target: string;
  readonly accepted: number;
  readonly deadline: number;
  /** How often a worker has begun to run it. */
  readonly attempts: number;
  /** When it was begun last. */
  readonly started?: number;
  readonly finished?: number;
  /** Of the answer. */
  readonly status?: number;
  /** Its answer releases its idempotency key: the next request under the key is a new one. */
  readonly released?: true;
  /** Why it failed: the code of the problem, or `http_<status>`. */
  readonly code?: string;
  /** How it goes with its callback, where it has one. */
  readonly callback?: CallbackRecord;
  /** Whose request it is; undefined where what is kept of it does not depend on that. */
  readonly caller?: Caller;
}

/**
 *   pending --the request has ended, and is of a kind that is told--> delivered; retrying; gone where it was answered 410;
 *     blocked where the address is not allowed
 *   pending --it is not told of such an end--> none
 *   retrying --> delivered, gone, blocked; failed after the last attempt
 */
export const callbackStates = [
  'pending',
  'retrying',
  'delivered',
  'gone',
  'blocked',
  'failed',
  'none',
] as const;
export type CallbackState = (typeof callbackStates)[number];

export interface CallbackRecord {
  readonly state: CallbackState;
  /** How often it was sent. */
  readonly attempts: number;
  /** What the last attempt was answered: a status, or the code of an error. */
  readonly answer?: string;
}

/**
 * @param hash as Redis has it.
 * @returns undefined where there is no record, or one that cannot be read. A request past its deadline that nobody has ended is `expired`.
 */
export function readRecord(hash: Readonly<Record<string, string>>, now: number): RequestRecord | undefined {
  const state = requestStates.find((each) => each === hash['state']);
  if (state === undefined) return undefined;
  if (numbers.some((name) => !isCount(Number(hash[name] ?? 0)))) return undefined;
  const number = (name: string): number => Number(hash[name] ?? 0);
  const optional = (name: string): object => (hash[name] === undefined ? {} : { [name]: number(name) });
  const deadline = number('deadline');
  const caller = hash['caller'] === undefined ? undefined : parseCaller(hash['caller']);
  // Nobody may read a record of which it is not known whose it is.
  if (hash['caller'] !== undefined && caller === undefined) return undefined;
  const isPast = !finalStates.has(state) && now > deadline;
  return {
    state: isPast ? 'expired' : state,
    // Nobody has noted this change.
    change: number('change') + (isPast ? 1 : 0),
    method: hash['method'] ?? '',
    target: hash['target'] ?? '',
    accepted: number('accepted'),
    deadline,
    attempts: number('attempts'),
    ...optional('started'),
    ...optional('finished'),
    ...optional('status'),
    ...(hash['code'] === undefined ? {} : { code: hash['code'] }),
    ...(hash['released'] === undefined ? {} : { released: true }),
    ...callbackOf(hash),
    ...(caller === undefined ? {} : { caller }),
  };
}

/** The fields that are numbers. */
const numbers = [
  'change',
  'accepted',
  'deadline',
  'attempts',
  'started',
  'finished',
  'status',
  'callbackAttempts',
];

function callbackOf(hash: Readonly<Record<string, string>>): { readonly callback?: CallbackRecord } {
  const state = callbackStates.find((each) => each === hash['callback']);
  if (state === undefined) return {};
  const answer = hash['callbackAnswer'];
  const attempts = Number(hash['callbackAttempts'] ?? 0);
  return { callback: { state, attempts, ...(answer === undefined ? {} : { answer }) } };
}

/** A record outlives the answer by as long again, so that who comes late learns that it is gone. */
export function recordTtlMs(keepMs: number): number {
  return 2 * keepMs;
}

/** @returns whether an answer says that the work was not done, and not for a fault of its request. */
function isFailure(status: number): boolean {
  return status >= 500 || status === 429;
}

/** Answers by which a handler may say that nothing was done, and that its key may be used again. */
const releasing: ReadonlySet<number> = new Set([429, 503]);

/**
 * @param now ms since the epoch.
 * @returns the state in which an answer ends its request, and what else the record says of it.
 */
export function endOf(
  { problem, status, headers }: Omit<HttpReply, 'body'>,
  now: number,
): { state: RequestState; fields: (string | number)[] } {
  const fields = ['finished', now, 'status', status];
  switch (problem) {
    case undefined: {
      if (!isFailure(status)) return { state: 'done', fields };
      const releases =
        releasing.has(status) && headerValue(headers, 'ringpost-release-key') !== undefined
          ? ['released', 1]
          : [];
      return { state: 'failed', fields: [...fields, 'code', `http_${status}`, ...releases] };
    }
    case 'cancelled':
      return { state: 'cancelled', fields };
    case 'reply_timeout':
      return { state: 'expired', fields };
    default:
      return { state: 'failed', fields: [...fields, 'code', problem] };
  }
}
