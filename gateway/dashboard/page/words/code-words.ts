import type { ProblemCode } from '#shared/contract/errors.ts';

/** Why a request failed, in words for the person who asks. */
export interface CodeWords {
  readonly cause: string;
  readonly advice: string;
}

const known: Readonly<Partial<Record<ProblemCode, CodeWords>>> = {
  cancelled: { cause: 'It was cancelled.', advice: 'Nothing needs to be done.' },
  handler_failed: {
    cause: 'The handler threw an error.',
    advice: 'Look for the request’s id in the log of its worker: the error is there with its stack.',
  },
  internal: {
    cause: 'The gateway failed.',
    advice: 'Look for the request’s id in the gateway’s log, and report the error.',
  },
  no_replica: {
    cause: 'No replica was ready.',
    advice: 'Look at the replicas on the overview: the trouble is named there. Clients may try again.',
  },
  outcome_unknown: {
    cause: 'Its worker was lost while it ran, and such a request may not run twice.',
    advice: 'Find out whether it was done, then redrive it or delete its dead letter.',
  },
  over_capacity: {
    cause: 'The queue of its replica was full.',
    advice: 'Add replicas, or let clients send less. Clients may try again.',
  },
  redis_away: {
    cause: 'Redis could not be reached.',
    advice: 'Check that Redis runs. Clients may try again.',
  },
  reply_timeout: {
    cause: 'It was not answered in time.',
    advice:
      'See below whether it waited or ran: add replicas for the one, look at the handler for the other.',
  },
  reply_too_large: {
    cause: 'Its answer was larger than BODY_LIMIT_BYTES.',
    advice: 'Raise BODY_LIMIT_BYTES, or make the answer smaller.',
  },
  upstream_unreachable: {
    cause: 'The upstream could not be reached.',
    advice: 'Check that the upstream runs and listens. Then redrive.',
  },
  worker_died: {
    cause: 'It was running when its worker died, more than once.',
    advice: 'It may be what kills the worker. Look at the crash of its replica before you redrive it.',
  },
  starting: { cause: 'The system was starting.', advice: 'Clients may try again.' },
};

/** @returns what the code of a problem, or `http_<status>`, means; undefined if that says nothing more. */
export function codeWords(code: string): CodeWords | undefined {
  const words = Object.hasOwn(known, code) ? known[code as ProblemCode] : undefined;
  const [, status] = /^http_(\d{3})$/.exec(code) ?? [];
  if (words !== undefined || status === undefined) return words;
  return {
    cause: `The handler or upstream answered ${status}.`,
    advice: 'Look at its answer, and in its log for the request’s id. Redrive when the cause is gone.',
  };
}
