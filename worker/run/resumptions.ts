import { asBuffer } from '#shared/contract/body.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { StreamRecord } from '#shared/contract/request-record.ts';
import { readLivingRecord } from '#shared/store/records/ended-requests.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { TakenOver } from '#shared/store/streams/kept-streams.ts';
import { BytesSource } from '../handlers/bytes-source.ts';
import type { HandlerReply, ResumePoint } from '../handlers/handler.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import { retryUntil } from '../reply/retry-until.ts';
import type { AnswerStreams } from '../stream/answer-streams.ts';
import { FirstBytes } from '../stream/first-bytes.ts';
import { isStream } from '../stream/started-stream.ts';
import { goesOn, mayResume, resumePointOf, timeToRun } from '../stream/resumed-run.ts';
import type { Answered } from './handler-calls.ts';
import { endedBeforeStartReply } from './run-notes.ts';
import type { Running } from './running.ts';

export interface ResumptionsOptions {
  readonly connection: Connection;
  readonly replica: string;
  readonly streams: Pick<AnswerStreams, 'takeOver'>;
}

/**
 * A kept stream of events that an earlier run of a request has begun, and that this worker has taken over.
 */
export interface Resumption {
  readonly begun: StreamRecord;
  readonly taken: TakenOver;
  /** Where the answer is to go on. */
  readonly point: ResumePoint;
}

/** Redis is asked for so long at least, in ms, although the deadline of the request may have passed. */
const minTryMs = 10_000;

/** Finds the streams that are taken up by another run of their request. */
export class Resumptions {
  readonly #options: ResumptionsOptions;

  constructor(options: ResumptionsOptions) {
    this.#options = options;
  }

  /**
   * Takes over the stream that an earlier run has begun, and gives the request as much time as it had then.
   * @returns undefined if there is none, so that the request runs from its start; a reply if the stream
   * cannot go on.
   * @throws {SupersededError} if another worker has taken the lease.
   */
  async find(id: string, job: JobData, running: Running): Promise<Resumption | HandlerReply | undefined> {
    const { connection, replica, streams } = this.#options;
    const until = Math.max(running.until, performance.now() + minTryMs);
    const record = await retryUntil(async () => {
      const found = await readLivingRecord(connection, replica, id);
      return found?.record;
    }, until);
    const begun = record?.stream;
    if (record === undefined || !mayResume(begun, job.resume === true)) return undefined;
    const taken = await retryUntil(() => streams.takeOver(id, job, begun.fence), until);
    switch (taken) {
      case 'superseded':
        throw new SupersededError();
      case 'ended':
        return endedBeforeStartReply('ended');
      case 'lost':
      case undefined:
        return problemReply('outcome_unknown', 'Redis has lost a part of the answer.');
      default: {
        const point = resumePointOf(taken);
        if (point === undefined) return notResumed('its worker died in the middle of an event');
        running.extend(timeToRun(record, job.notBefore));
        return { begun, taken, point };
      }
    }
  }
}

/** @returns the answer of the further run, if it goes on where the stream was left, else a problem. */
export function continued(answered: Answered, { begun, taken, point }: Resumption): Answered {
  if (answered === undefined || ('problem' in answered && answered.problem !== undefined)) return answered;
  const head = isStream(answered) ? answered.head : headOf(answered);
  if (head.problem !== undefined || !goesOn(head, begun, point)) {
    if (isStream(answered)) answered.rest.cancel('the answer does not go on where it was left');
    return notResumed('its next run did not go on where it was left (Ringpost-Resumed-From)');
  }
  if (isStream(answered)) return { ...answered, resumed: taken };
  const { body } = answered;
  const first = typeof body === 'string' ? Buffer.from(body, 'utf8') : asBuffer(body);
  return { head, first: new FirstBytes(first), rest: new BytesSource(''), resumed: taken };
}

function notResumed(why: string): HandlerReply {
  return problemReply('worker_died', `The answer cannot go on: ${why}.`);
}
