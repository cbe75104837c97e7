import { replicaOf } from '../../contract/request-id.ts';
import { script } from './script.ts';
import type { ScriptArgument } from './script.ts';

/**
 * The field of a job, besides BullMQ's own, that counts how often a request that runs in turn was started.
 */
export const startCountField = 'ringpost:begun';

/** The field of a job, besides BullMQ's own, that says that its answer has begun as a stream. */
export const streamedField = 'ringpost:streamed';

interface InLine {
  /** The line's name. */
  readonly line: string;
  readonly id: string;
}

interface Joining extends InLine {
  /** Of the line. */
  readonly ttlMs: number;
  /** The replica whose queue has the job of the request. */
  readonly replica: string;
}

interface OfJob {
  readonly replica: string;
  readonly id: string;
}

/** A request that holds another one up, since it is before it in line. */
export interface InFront {
  readonly id: string;
  /** The replica whose queue has its job; undefined if that cannot be known. */
  readonly replica: string | undefined;
  /** For how long it is in line, in ms. */
  readonly ageMs: number;
}

/** The place of a request that has to wait. */
export interface Place {
  /** How many places it has to move up. */
  readonly before: number;
  /** Whether it has just joined the line. */
  readonly isNew: boolean;
  /** How many requests of the line run. */
  readonly running: number;
  /** Some of those that hold it up. */
  readonly inFront: readonly InFront[];
}

/** Puts a request at the end of a line. One that is in it keeps its place. */
export const joinLine = script<Joining, void>({
  file: 'join-line',
  keys: (keys, { line }) => [keys.line(line), keys.lineMoves(line)],
  args: joiningArgs,
  decode: () => undefined,
});

/** Asks whether a request may run, and puts it into the line if needed. The result is undefined if it may. */
export const takeTurn = script<
  Joining & { readonly limit: number; readonly random: number },
  Place | undefined
>({
  file: 'take-turn',
  keys: (keys, { line }) => [keys.line(line), keys.lineMoves(line)],
  args: (call) => [...joiningArgs(call), call.limit, Math.floor(call.random * 1_000_000)],
  decode(reply) {
    // As the Lua file says.
    const [before = 0, isNew, running = 0, ...shown] = reply as number[];
    if (before === 0) return undefined;
    const inFront = Array.from({ length: shown.length / 3 }, (_, at) => {
      const [id, replica, ageMs] = shown.slice(at * 3, at * 3 + 3);
      return { ...placed(String(id), String(replica)), ageMs: Number(ageMs) };
    });
    return { before, isNew: isNew === 1, running, inFront };
  },
});

/** Takes a request out of a line. Its result are the requests that may run now because of that. */
export const leaveLine = script<
  InLine & { readonly limits: readonly number[] },
  readonly Omit<InFront, 'ageMs'>[]
>({
  file: 'leave-line',
  keys: (keys, { line }) => [keys.line(line), keys.lineMoves(line)],
  args: ({ id, limits }) => [id, ...limits],
  decode: (reply) => {
    const flat = reply as string[]; // as the Lua file says
    return Array.from({ length: flat.length / 2 }, (_, at) =>
      placed(flat[at * 2] ?? '', flat[at * 2 + 1] ?? ''),
    );
  },
});

function joiningArgs({ id, ttlMs, replica }: Joining): readonly ScriptArgument[] {
  return [id, ttlMs, replicaOf(id) === replica ? '' : replica];
}

/** @param moved as the scripts return it: '' if the id names the replica. */
function placed(id: string, moved: string): Omit<InFront, 'ageMs'> {
  return { id, replica: moved === '' ? replicaOf(id) : moved };
}

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
