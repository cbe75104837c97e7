import { script } from './script.ts';

/**
 * The field of a job, besides BullMQ's own, that counts how often a request that runs in turn was started.
 */
export const startCountField = 'ringpost:begun';

/** The field of a job, besides BullMQ's own, that says that its answer has begun as a stream. */
export const streamedField = 'ringpost:streamed';

interface InLine {
  /** The line's key digest. */
  readonly order: string;
  readonly id: string;
}

interface OfJob {
  readonly replica: string;
  readonly id: string;
}

/** Where a request stands in a line. */
export interface Place {
  /** How many requests are before it. */
  readonly before: number;
  /** The request that is first in line. */
  readonly first: string;
  /** For how long that one is in line, in ms. */
  readonly firstAgeMs: number;
}

/** Puts a request at the end of a line. One that is in it keeps its place. */
export const joinLine = script<InLine & { readonly ttlMs: number }, void>({
  file: 'join-line',
  keys: (keys, { order }) => [keys.line(order)],
  args: ({ id, ttlMs }) => [id, ttlMs],
  decode: () => undefined,
});

/** Asks where a request stands. Its result is undefined if the request is not in line. */
export const takeTurn = script<InLine, Place | undefined>({
  file: 'take-turn',
  keys: (keys, { order }) => [keys.line(order)],
  args: ({ id }) => [id],
  decode(reply) {
    if (reply === null) return undefined;
    const [before, first, firstAgeMs] = reply as [number, string, number]; // as the Lua file says
    return { before, first, firstAgeMs };
  },
});

/**
 * Takes a request out of a line. Its result is the request whose turn it is now, if the other one was first.
 */
export const leaveLine = script<InLine, string | undefined>({
  file: 'leave-line',
  keys: (keys, { order }) => [keys.line(order)],
  args: ({ id }) => [id],
  decode: (reply) => (typeof reply === 'string' ? reply : undefined),
});

/**
 * Counts that a job is started. Its result is how often that was, this time included; undefined if the job is
 * gone.
 */
export const countStart = script<OfJob, number | undefined>({
  file: 'count-begun',
  keys: (keys, { replica, id }) => [keys.job(replica, id)],
  args: () => [startCountField],
  decode: (reply) => (reply === 0 ? undefined : Number(reply)),
});

/**
 * Asks until when a job holds its place in line, in ms since the epoch: 0 if it has no deadline, infinity
 * while its answer is a stream, undefined if there is no such job.
 */
export const jobDeadline = script<OfJob, number | undefined>({
  file: 'job-deadline',
  keys: (keys, { replica, id }) => [keys.job(replica, id), keys.streams(replica)],
  args: ({ id }) => [id, streamedField],
  decode(reply) {
    if (reply === null) return undefined;
    return reply === -1 ? Number.POSITIVE_INFINITY : Number(reply);
  },
});
