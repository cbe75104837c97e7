import { parseCaller } from '../../contract/caller.ts';
import type { Caller } from '../../contract/caller.ts';
import { parseSummary } from '../../contract/dead-letter.ts';
import type { DeadLetterSummary } from '../../contract/dead-letter.ts';
import type { HttpRequest } from '../../contract/http.ts';
import { decodeJob, parseJob, storedBody } from '../../contract/job.ts';
import type { JobData } from '../../contract/job.ts';
import { decodeReply } from '../../contract/reply.ts';
import type { Reply } from '../../contract/reply.ts';

/** A dead letter with everything that is kept of its request and answer. */
export interface DeadLetter {
  readonly summary: DeadLetterSummary;
  /** Undefined if the request could no longer be read. */
  readonly request: LetterRequest | undefined;
  /** The caller; undefined in a letter of an earlier release, which did not note it. */
  readonly caller: Caller | undefined;
  /** Without a body if bodies were not kept. */
  readonly reply: Reply | undefined;
}

/** A request without its secrets. Its body is undefined if it had one that was not kept. */
export type LetterRequest = Omit<HttpRequest, 'body'> & { readonly body: Uint8Array | undefined };

/** The fields of a letter's hash; null if there is no such field. */
export interface LetterHash {
  readonly summary: Buffer | null | undefined;
  readonly job: Buffer | null | undefined;
  readonly body: Buffer | null | undefined;
  readonly reply: Buffer | null | undefined;
  readonly bodiesKept: boolean;
}

/** @returns undefined if the fields are not those of a letter. */
export function parseLetter({ bodiesKept, ...hash }: LetterHash): DeadLetter | undefined {
  const summary = parseSummary(String(hash.summary));
  const job = parseJob(String(hash.job));
  if (summary === undefined || job === undefined) return undefined;
  try {
    const reply = hash.reply ? decodeReply(hash.reply) : undefined;
    return {
      summary,
      request: requestOf(job, hash.body ?? undefined, bodiesKept),
      caller: parseCaller(job.caller ?? ''),
      reply: reply === undefined || bodiesKept ? reply : { ...reply, body: undefined },
    };
  } catch {
    return undefined;
  }
}

/** @param body the request's body, if it did not travel in the job. */
function requestOf(job: JobData, body: Buffer | undefined, bodiesKept: boolean): LetterRequest | undefined {
  if (!storedBody(job) || body !== undefined) return decodeJob(job, body);
  const { method, target, headers } = job;
  // A job that could not be read is replaced by one without header fields. Every real request has some.
  return bodiesKept || headers.length === 0 ? undefined : { method, target, headers, body: undefined };
}
