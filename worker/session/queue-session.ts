import { encodeHints } from '#shared/contract/frame.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Slots } from '#shared/process/slots.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { traceOf } from '#shared/store/trace/open-trace.ts';
import type { SignalFeed } from '#shared/store/streams/signal-feed.ts';
import type { Handler } from '../handlers/handler.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import type { ReplicaLease } from '../lease/replica-lease.ts';
import { BatchedConsumer } from '../queue/batched-consumer.ts';
import type { ConsumerChoice } from '../queue/consumer-choice.ts';
import { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { Intake } from '../queue/intake.ts';
import type { StockConsumerOptions } from '../queue/stock-consumer.ts';
import { removeOldNotes } from '../notes/notes-files.ts';
import type { NotesPlace } from '../notes/notes-files.ts';
import type { Aftermath } from '../reply/aftermath.ts';
import { ReplyOutbox } from '../reply/reply-outbox.ts';
import { createReplyPushes } from '../reply/reply-pushes.ts';
import { AskAgainError } from '../reply/retry-until.ts';
import type { AnswerTally } from '../run/answer-tally.ts';
import type { CancelledIds } from '../run/cancelled-ids.ts';
import type { Consumer } from '../run/consumer.ts';
import type { FinishedRuns } from '../run/finished-runs.ts';
import { Runner } from '../run/runner.ts';
import type { RunnerOptions } from '../run/runner.ts';
import { Turns } from '../run/turns.ts';
import { AnswerStreams } from '../stream/answer-streams.ts';
import type { StreamSlots } from '../stream/stream-slots.ts';
import type { ProcessSpans } from '../trace/process-spans.ts';
import { tracedHandler } from '../trace/traced-handler.ts';
import { OrphanSweep } from './orphan-sweep.ts';
import { Reclaimer } from './reclaimer.ts';
import type { StopTime } from '../stream/stop-time.ts';
import { StreamReclaimer } from './stream-reclaimer.ts';
import { Suspects } from './suspects.ts';
import { Watchdog } from './watchdog.ts';

/** What all sessions of a worker share. */
export interface QueueSessionParts {
  readonly connection: Connection;
  /** The replica whose worker this is. */
  readonly worker: string;
  readonly handler: Handler;
  readonly slots: Slots;
  /** Closed while suspects run isolated. */
  readonly intake: Intake;
  /** Where workers note the requests that they begin; undefined if this host has no such place. */
  readonly notesPlace: NotesPlace | undefined;
  readonly choice: ConsumerChoice;
  /** Undefined if no OpenTelemetry SDK is loaded. */
  readonly spans: ProcessSpans | undefined;
  /** What follows the end of a request that has a record. */
  readonly aftermath: Aftermath;
  readonly finished: FinishedRuns;
  readonly cancelled: CancelledIds;
  /** The connection for large answers. */
  readonly large: LargeValues;
  /** The bytes of answers that the worker holds. */
  readonly budget: ReplyBudget;
  /** Brings what gateways say of streams. */
  readonly feed: SignalFeed;
  /** Counts answers for outlier detection. */
  readonly tally: AnswerTally;
  /** Limits the streams of the worker. */
  readonly streamSlots: StreamSlots;
  /** A larger answer is a stream, in bytes. */
  readonly streamAboveBytes: number;
  /** How long the source of a stream may bring nothing, in ms; 0: without a limit. */
  readonly streamIdleTimeoutMs: number;
  /** How long streams may go on once the queue is left, in ms. */
  readonly drainTimeoutMs: number;
  readonly stopTime: StopTime;
  /** The most bytes that an answer may have that is whole or kept. */
  readonly replyLimitBytes: number;
  /** Jobs at once. */
  readonly concurrency: number;
  readonly leaseMs: number;
}

export interface QueueSessionOptions extends QueueSessionParts {
  /** Whether the worker's own replica has replaced the replica whose queue this is. */
  readonly inherited?: boolean;
  /** The lease under which the queue is served, taken before the start. */
  readonly lease: ReplicaLease;
  /** Finds out whether the lease is still ours; called if that is not certain. */
  readonly makeCertain: () => Promise<boolean>;
  /** Called when another worker has taken the lease. */
  readonly onSuperseded: () => void;
  /** Called if jobs wait and nothing makes this worker run them. */
  readonly onStuck: () => void;
  readonly log: Logger;
}

/** The time in which a worker serves one replica's queue, its own or an adopted one, under one lease. */
export class QueueSession {
  readonly #runner: Runner;
  readonly #reclaimer: Reclaimer;
  readonly #consumer: Consumer;
  readonly #suspects: Suspects | undefined;
  readonly #streams: AnswerStreams;
  readonly #life;
  readonly #abandoned = Promise.withResolvers<void>();
  readonly replica: string;

  constructor(options: QueueSessionOptions) {
    const { connection, lease, leaseMs, intake, makeCertain, onSuperseded, onStuck, log } = options;
    const { aftermath, large, choice, notesPlace, inherited = false } = options;
    const { replica } = lease;
    const pushes = createReplyPushes(connection, lease, onSuperseded, log);
    const sending = { connection, lease, aftermath, large, onSuperseded, log };
    const turns = new Turns(connection, log);
    const certainty = {
      replica,
      get fence() {
        return lease.fence;
      },
      get certain() {
        return lease.certain;
      },
      makeCertain: async (): Promise<boolean> => {
        const ours = await makeCertain();
        // A failover might lose the renewal, or its answer took longer than the lease.
        if (ours && !lease.certain) throw new AskAgainError('the lease was renewed, but is not certain');
        return ours;
      },
    };
    // No consumer holds the jobs of a dead worker, so their replies are pushed without one.
    const directOutbox = new ReplyOutbox({ ...sending, pushes });
    const garbled = new GarbledJobs({ connection, lease, outbox: directOutbox, log });
    const serving: Omit<StockConsumerOptions, 'replica'> = {
      ...options,
      run: (id, job, timesTaken) => runner.run(id, job, timesTaken),
      onGarbled: (id) => garbled.end(id),
      onFinished: (id, job) => turns.leave(id, job),
    };
    const noting = notesPlace && { place: notesPlace, running: () => runner.running, leaseMs };
    const consumer =
      'tick' in choice
        ? new BatchedConsumer({ ...serving, lease, tick: choice.tick, noting, onSuperseded })
        : choice.createStock({ ...serving, replica });
    const batched = consumer instanceof BatchedConsumer ? consumer : undefined;
    const outbox = new ReplyOutbox({ ...sending, pushes: batched ?? pushes });
    const { adopter, holder: by } = lease;
    const seen = options.spans?.around(options.handler, replica) ?? options.handler;
    const trace = traceOf(connection);
    const handler = trace === undefined ? seen : tracedHandler(seen, lease, trace);
    const streams = new AnswerStreams({ ...options, outbox: directOutbox });
    const onHints: RunnerOptions['onHints'] = (id, { gateway }, headers) => {
      // An answer does not wait for its hints, and does without them.
      pushes.push(gateway, id, encodeHints(id, headers)).catch((error: unknown) => {
        log.debug({ request: id, err: error }, 'early hints were not sent');
      });
    };
    const running = { ...options, handler, turns, replica, adopter, by, lease: certainty, streams, onHints };
    const runner = new Runner({ ...running, outbox });
    const settling = { connection, replica, lease, outbox: directOutbox, garbled, turns, log };
    const lostStreams = new StreamReclaimer(settling);
    const reclaimer = new Reclaimer({ ...settling, notesPlace, streams: lostStreams });
    // An adopter runs no suspects, unless it is the heir, which takes the owner's place.
    const suspects =
      replica === options.worker || inherited
        ? new Suspects({
            ...settling,
            runner: new Runner({ ...running, outbox: directOutbox }, runner),
            slots: options.slots,
            streamSlots: options.streamSlots,
            intake,
            inherited,
          })
        : undefined;
    const everyMs = leaseMs / 3;
    const sweeping = { connection, runner, reclaimer, streams: lostStreams, suspects, lease, everyMs, log };
    const sweep = new OrphanSweep(sweeping);
    const watchdog = new Watchdog({ connection, replica, runner, everyMs, onStuck, log });
    this.replica = replica;
    this.#runner = runner;
    this.#reclaimer = reclaimer;
    this.#consumer = consumer;
    this.#suspects = suspects;
    this.#streams = streams;
    this.#life = startStop(
      async () => {
        await reclaimer.reclaimAll({ name: String(lease.fence), ...lease.predecessor });
        if (notesPlace !== undefined) removeOldNotes(notesPlace, lease);
        streams.start();
        await suspects?.start();
        intake.join(consumer);
        await consumer.start();
        await Promise.all([sweep.start(), watchdog.start()]);
      },
      async () => {
        await Promise.all([sweep.stop(), watchdog.stop()]);
        // No sweep takes the streams for lost that are left now.
        streams.drain();
        const ended = Promise.all([consumer.stop(), suspects?.stop()]).then(() => streams.stop());
        await Promise.race([ended, this.#abandoned.promise]);
        await turns.close();
        intake.leave(consumer);
      },
    );
  }

  /** The ids of the requests that are running. */
  get running(): readonly string[] {
    return this.#runner.running;
  }

  /** How many requests were started since the session began. */
  get runs(): number {
    return this.#runner.runs;
  }

  /** How many requests are running, those whose answers are streams included, or wait to run isolated. */
  get size(): number {
    return Math.max(this.#runner.size, this.#suspects?.size ?? 0) + this.#runner.streamCount;
  }

  /** Aborts a request if it is running. */
  cancel(id: string): void {
    this.#runner.cancel(id);
  }

  /** Gives streams the drain timeout to end, or as much time as they want. */
  limitStreams(isLimited: boolean): void {
    this.#streams.limit(isLimited);
  }

  /** Makes the consumer look for jobs, and register for direct delivery again. */
  wake(): void {
    this.#consumer.wake();
  }

  /** Reclaims the jobs that a dead worker held, and begins to take jobs. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Fails suspects for which no worker of their replica will come back. */
  async failSuspects(ids: Iterable<string>): Promise<void> {
    const died = `Replica ${this.replica} died while it ran this request, and was removed`;
    for (const id of ids) await this.#reclaimer.failPoison(id, `${died}; it is not run again.`);
  }

  /** Takes no more jobs. Resolves when those that it held are finished, or abandoned. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Takes no more jobs and finishes none: another worker has the jobs that this one held. */
  abandon(): Promise<void> {
    this.#abandoned.resolve();
    this.#consumer.abandon();
    this.#streams.abandon();
    return this.stop();
  }

  /** Abandons the queue, and fires the signals of the requests that are running. They are not answered. */
  leave(): Promise<void> {
    const abandoned = this.abandon();
    this.#runner.leave();
    return abandoned;
  }
}
