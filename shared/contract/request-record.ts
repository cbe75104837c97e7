import { isCount, isTexts, parseObject } from './json-object.ts';
import { parseCaller } from './caller.ts';
import type { Caller } from './caller.ts';
import { headerValue } from './headers.ts';
import type { HttpReply } from './http.ts';
import { isReplicaName } from './replica-name.ts';
import type { ReplyHead } from './reply.ts';

/**
 * The states of an async request.
 *
 *   queued --a worker starts it--> running --its handler answers--> done; failed if it answers 429 or 5xx
 *   running --it is to be retried--> queued
 *   running --its worker dies--> queued if it may run again, failed if not
 *   queued --DELETE--> cancelled
 *   running --DELETE notes it in the record; the worker aborts it, or does not start it again--> cancelled
 *   queued, running --its deadline passes--> expired
 */
export const requestStates = ['queued', 'running', 'done', 'failed', 'cancelled', 'expired'] as const;
export type RequestState = (typeof requestStates)[number];

/** The states that a request never leaves. */
export const finalStates: ReadonlySet<RequestState> = new Set(['done', 'failed', 'cancelled', 'expired']);

/** The record of an async request in Redis. All times are in ms since the epoch, in Redis time. */
export interface RequestRecord {
  readonly state: RequestState;
  /** Raised by each change. */
  readonly change: number;
  readonly method: string;
  readonly target: string;
  readonly accepted: number;
  readonly deadline: number;
  /** How often a worker has started it. */
  readonly attempts: number;
  /** When a worker started it last. */
  readonly started?: number;
  readonly finished?: number;
  /** How many requests of its key ran when it began to wait for them; only until it starts. */
  readonly waitsFor?: number;
  /** The status of the answer. */
  readonly status?: number;
  /** Its answer has released its idempotency key: the next request under the key is a new one. */
  readonly released?: true;
  /** Its answer, if that is a kept stream. Such a request does not expire at its deadline. */
  readonly stream?: StreamRecord;
  /** Why it failed: the code of the problem, or `http_<status>`. */
  readonly code?: string;
  /** The state of its callback, if it has one. */
  readonly callback?: CallbackRecord;
  /** Of the hash key, as `keyDigest` makes it. A release before did not note it. */
  readonly keyDigest?: string;
  /** The owner of the hash key, if another replica was selected because of the load. */
  readonly spilledFrom?: string;
  /** The replica whose queue has, or had, its job, if that is not the one that the id names. */
  readonly queue?: string;
  /** The caller; undefined if access to the request does not depend on the caller. */
  readonly caller?: Caller;
}

/** An answer whose bytes are kept as they come. */
export interface StreamRecord extends Omit<ReplyHead, 'problem'> {
  /** That of the lease under which it is written; the name of its key has it. */
  readonly fence: number;
  /** How many bytes it has; undefined while it runs, or if it is not complete. */
  readonly length?: number;
  /** The id of its last event, if it has ended and its events have ids. */
  readonly lastId?: string;
}

/**
 * The states of a callback.
 *
 *   pending --the request ends, and such an end is reported--> delivered; retrying; gone if the receiver
 *     answers 410; blocked if its address is not allowed
 *   pending --the request ends, and such an end is not reported--> none
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
  /** The result of the last attempt: the status of the answer, or the code of an error. */
  readonly answer?: string;
}

/**
 * @param hash the fields of the record in Redis.
 * @returns undefined if there is no record, or it cannot be read. A request that has not ended by its
 * deadline is `expired`, unless its answer has begun as a stream.
 */
export function readRecord(hash: Readonly<Record<string, string>>, now: number): RequestRecord | undefined {
  const state = requestStates.find((each) => each === hash['state']);
  if (state === undefined) return undefined;
  if (numbers.some((name) => !isCount(Number(hash[name] ?? 0)))) return undefined;
  const number = (name: string): number => Number(hash[name] ?? 0);
  const optional = (name: string): object => (hash[name] === undefined ? {} : { [name]: number(name) });
  const deadline = number('deadline');
  const caller = hash['caller'] === undefined ? undefined : parseCaller(hash['caller']);
  // Nobody may read a record whose caller cannot be read.
  if (hash['caller'] !== undefined && caller === undefined) return undefined;
  const stream = streamOf(hash);
  const isPast = !finalStates.has(state) && stream === undefined && now > deadline;
  return {
    state: isPast ? 'expired' : state,
    // The record does not count this change yet.
    change: number('change') + (isPast ? 1 : 0),
    method: hash['method'] ?? '',
    target: hash['target'] ?? '',
    accepted: number('accepted'),
    deadline,
    attempts: number('attempts'),
    ...optional('started'),
    ...optional('finished'),
    ...(hash['waitsFor'] === undefined || hash['waitsFor'] === '' ? {} : optional('waitsFor')),
    ...optional('status'),
    ...(hash['code'] === undefined ? {} : { code: hash['code'] }),
    ...(hash['released'] === undefined ? {} : { released: true }),
    ...(stream === undefined ? {} : { stream }),
    ...callbackOf(hash),
    ...(hash['keyDigest'] === undefined ? {} : { keyDigest: hash['keyDigest'] }),
    ...(hash['spilledFrom'] === undefined ? {} : { spilledFrom: hash['spilledFrom'] }),
    ...(isReplicaName(hash['queue'] ?? '') ? { queue: hash['queue'] } : {}),
    ...(caller === undefined ? {} : { caller }),
  };
}

/** The fields whose values are numbers. */
const numbers = [
  'change',
  'accepted',
  'deadline',
  'attempts',
  'started',
  'finished',
  'status',
  'waitsFor',
  'callbackAttempts',
];

/** @returns the fields of a record that say that its answer is a kept stream with this head. */
export function streamFields(fence: number, { status, reason, headers }: ReplyHead): (string | number)[] {
  return ['stream', fence, 'streamHead', JSON.stringify({ status, reason, headers })];
}

/** @returns undefined if the answer is no stream, or its head cannot be read. */
function streamOf(hash: Readonly<Record<string, string>>): StreamRecord | undefined {
  if (hash['stream'] === undefined) return undefined;
  const [fence, length] = [Number(hash['stream']), Number(hash['length'] ?? 0)];
  const { status, reason, headers } = parseObject(hash['streamHead'] ?? '') ?? {};
  if (!isCount(fence) || !isCount(length) || !isCount(status) || !isTexts(headers)) return undefined;
  return {
    fence,
    status,
    ...(typeof reason === 'string' ? { reason } : {}),
    headers,
    ...(hash['length'] === undefined ? {} : { length }),
    ...(hash['lastId'] === undefined ? {} : { lastId: hash['lastId'] }),
  };
}

function callbackOf(hash: Readonly<Record<string, string>>): { readonly callback?: CallbackRecord } {
  const state = callbackStates.find((each) => each === hash['callback']);
  if (state === undefined) return {};
  const answer = hash['callbackAnswer'];
  const attempts = Number(hash['callbackAttempts'] ?? 0);
  return { callback: { state, attempts, ...(answer === undefined ? {} : { answer }) } };
}

/** A record is kept twice as long as its answer, so that a late client learns that the answer is gone. */
export function recordTtlMs(keepMs: number): number {
  return 2 * keepMs;
}

/** @returns whether an answer says that the work was not done, for a reason other than a faulty request. */
function isFailure(status: number): boolean {
  return status >= 500 || status === 429;
}

/** The statuses with which a handler may release the idempotency key, since nothing was done. */
const releasing: ReadonlySet<number> = new Set([429, 503]);

/**
 * @param now ms since the epoch.
 * @returns the final state of a request with this answer, and the other fields of its record that change.
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
