import { parseCaller } from './caller.ts';
import type { HttpRequest } from './http.ts';
import { decodeBody, encodeBody, isEncodedBody } from './body.ts';
import type { EncodedBody } from './body.ts';
import type { Redelivery } from './redelivery.ts';

/** The data of a job: one request on its way to a replica. The job's id is the request's id. */
export interface JobData {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body?: EncodedBody;
  /** The gateway whose inbox the reply goes into; empty where nobody waits for it. */
  readonly gateway: string;
  /** Time in ms that the answer is kept, for whoever asks for it later; such a request has a record, and no waiter. */
  readonly keepMs?: number;
  /** When nobody waits any more, in ms since the epoch; a job that is not started by then is dropped. */
  readonly deadline: number;
  readonly redelivery: Redelivery;
  /** Not to be run before, in ms since the epoch. */
  readonly notBefore?: number;
  /** 1 to 9, the higher the later; none comes first. */
  readonly priority?: number;
  /** How often it is run at most, where that was asked for. */
  readonly attempts?: number;
  /** Digest of the hash key, where the requests of one key run one at a time. */
  readonly order?: string;
  /** It leaves the line of its key while it waits to be tried again. */
  readonly orderOnRetry?: 'pass';
  /** There is a callback job under its id, to be sent when it has come to its end. */
  readonly callback?: true;
  /** Whose request it is, as `encodeCaller` has it, where what is kept of it depends on that. */
  readonly caller?: string;
}

/**
 * Reads the data of a job. It is on the path of each request: its cost is that of `JSON.parse` and a few comparisons.
 * @returns undefined for a text that is no JSON, or is of another shape.
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
  // Each field is looked at before it is taken for what it should be.
  const job = value as Record<keyof JobData, unknown>;
  return (
    typeof job.method === 'string' &&
    typeof job.target === 'string' &&
    areHeaders(job.headers) &&
    typeof job.gateway === 'string' &&
    typeof job.deadline === 'number' &&
    (job.redelivery === 'safe' || job.redelivery === 'never') &&
    (job.body === undefined || isEncodedBody(job.body)) &&
    isNumberIfAny(job.keepMs) &&
    isNumberIfAny(job.notBefore) &&
    isNumberIfAny(job.priority) &&
    isNumberIfAny(job.attempts) &&
    (job.order === undefined || typeof job.order === 'string') &&
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

/** Every job's name in BullMQ. */
export const jobName = 'dispatch';

/**
 * Makes the job of a request. A body past the inline limit is only announced in it: see {@link storedBody}. An
 * empty body that came in chunks is an empty text; no body is none.
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

/** @returns whether the job's body is in a key of its own. */
export function storedBody(job: JobData): boolean {
  return job.body !== undefined && 'stored' in job.body;
}

/**
 * @param stored the bytes of the body's own key, where {@link storedBody}.
 * @throws {TypeError} when the body is stored and `stored` is missing.
 */
export function decodeJob(job: JobData, stored?: Buffer): HttpRequest {
  const body = decodeBody(job.body) ?? stored;
  if (body === undefined) throw new TypeError('the body of the job is stored and was not given');
  const { method, target, headers } = job;
  const emptyChunked = job.body !== undefined && body.length === 0;
  return { method, target, headers, body, ...(emptyChunked ? { emptyChunked } : {}) };
}
