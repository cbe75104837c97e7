import { isOutlierMark } from './answer-counts.ts';
import type { OutlierMark } from './answer-counts.ts';
import { parseCaller } from './caller.ts';
import type { HttpRequest } from './http.ts';
import { decodeBody, encodeBody, isEncodedBody } from './body.ts';
import type { EncodedBody } from './body.ts';
import type { Redelivery } from './redelivery.ts';
import { isReselection } from './retry-notice.ts';
import type { Reselection } from './retry-notice.ts';

/** The data of a job: one request on its way to a replica. The job's id is the request's id. */
export interface JobData {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body?: EncodedBody;
  /** The gateway whose inbox gets the reply; empty if no gateway waits for it. */
  readonly gateway: string;
  /**
   * The version of frames that the gateway which has accepted it reads: `framesVersion`, or `framesWithRoom`.
   * Without it, the answer is sent whole, and no stream is kept.
   */
  readonly frames?: number;
  /** For how long the answer is kept, in ms. Only an async request has it: it has a record, and no waiter. */
  readonly keepMs?: number;
  /** In ms since the epoch, in Redis time. A job that has not started by then is dropped. */
  readonly deadline: number;
  /**
   * In ms since the epoch, in Redis time. An answer that is a stream has ended by then. Without it, only
   * `deadline` counts, and only until the head of the answer.
   */
  readonly until?: number;
  readonly redelivery: Redelivery;
  /**
   * `Ringpost-Retry: always`, of a request with a record. If its answer is a kept stream of events and the
   * worker dies, another run takes it up.
   */
  readonly resume?: true;
  /** The earliest time to run it, in ms since the epoch, in Redis time. */
  readonly notBefore?: number;
  /** 1 to 9; higher numbers run later. A job without a priority runs before all of them. */
  readonly priority?: number;
  /** How often it may run at most, if the request says so. */
  readonly attempts?: number;
  /** How the replica of its next attempt is selected. Only a job that may have several attempts has it. */
  readonly reselect?: Reselection;
  /** The digest of the hash key, if the requests of that key run one at a time. */
  readonly order?: string;
  /** The line of the requests of its hash key of which a limited number run. */
  readonly keyLine?: string;
  /** It runs only if fewer requests than this are before it in that line. Set with `keyLine`. */
  readonly keyLimit?: number;
  /** The limit of the other requests of that line, if it is another one. */
  readonly keyMost?: number;
  /** It leaves the line of its key while it waits for a retry. */
  readonly orderOnRetry?: 'pass';
  /** It was cancelled and must not run. It has no record that could say so. */
  readonly cancelled?: true;
  /** The callback queue holds a job under the same id, which is sent when this request has ended. */
  readonly callback?: true;
  /** The scope of its idempotency key, which is to be kept while its answer is a stream. */
  readonly claim?: string;
  /** The caller as `encodeCaller` writes it, if access to the request depends on the caller. */
  readonly caller?: string;
  /** Its worker counts how it ends, for outlier detection. */
  readonly outlier?: OutlierMark;
}

/**
 * Reads the data of a job. This is on the hot path: it costs `JSON.parse` and a few comparisons.
 * @returns undefined if the text is not JSON, or not that of a job.
 */
export function parseJob(text: string): JobData | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isJob(value) ? value : undefined;
}

/** @returns whether a value is the data of a job. */
export function isJob(value: unknown): value is JobData {
  if (typeof value !== 'object' || value === null) return false;
  // The type of each field is checked below.
  const job = value as Record<keyof JobData, unknown>;
  return (
    typeof job.method === 'string' &&
    typeof job.target === 'string' &&
    areHeaders(job.headers) &&
    typeof job.gateway === 'string' &&
    typeof job.deadline === 'number' &&
    (job.redelivery === 'safe' || job.redelivery === 'never') &&
    (job.body === undefined || isEncodedBody(job.body)) &&
    isNumberIfAny(job.frames) &&
    isNumberIfAny(job.keepMs) &&
    isNumberIfAny(job.until) &&
    isNumberIfAny(job.notBefore) &&
    isNumberIfAny(job.priority) &&
    isNumberIfAny(job.attempts) &&
    (job.reselect === undefined || isReselection(job.reselect)) &&
    (job.order === undefined || typeof job.order === 'string') &&
    (job.keyLine === undefined || typeof job.keyLine === 'string') &&
    isNumberIfAny(job.keyLimit) &&
    isNumberIfAny(job.keyMost) &&
    (job.claim === undefined || typeof job.claim === 'string') &&
    (job.outlier === undefined || isOutlierMark(job.outlier)) &&
    (job.caller === undefined || (typeof job.caller === 'string' && parseCaller(job.caller) !== undefined))
  );
}

function isNumberIfAny(value: unknown): boolean {
  return value === undefined || typeof value === 'number';
}

function areHeaders(value: unknown): boolean {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false;
  for (const text of value) if (typeof text !== 'string') return false;
  return true;
}

/** The name of every job in BullMQ. */
export const jobName = 'dispatch';

/**
 * Makes the job of a request. The job of a body over the inline limit holds only its size: see
 * {@link storedBody}. An empty chunked body becomes an empty text; a request without a body gets no field.
 */
export function encodeJob(request: HttpRequest, rest: Omit<JobData, keyof HttpRequest>): JobData {
  const body = encodeBody(request.body) ?? (request.emptyChunked === true ? { text: '' } : undefined);
  return {
    method: request.method,
    target: request.target,
    headers: request.headers,
    ...(body === undefined ? {} : { body }),
    ...rest,
  };
}

/** @returns whether the body is stored in its own key. */
export function storedBody(job: JobData): boolean {
  return job.body !== undefined && 'stored' in job.body;
}

/**
 * @param stored the bytes from the body's own key, if {@link storedBody}.
 * @throws {TypeError} if the body is stored and `stored` is missing.
 */
export function decodeJob(job: JobData, stored?: Buffer): HttpRequest {
  const body = decodeBody(job.body) ?? stored;
  if (body === undefined) throw new TypeError('the body of the job is stored elsewhere and was not passed');
  const { method, target, headers } = job;
  const emptyChunked = job.body !== undefined && body.length === 0;
  return { method, target, headers, body, ...(emptyChunked ? { emptyChunked } : {}) };
}
