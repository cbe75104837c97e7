import type { JobData } from '#shared/contract/job.ts';

/** A job is put back, to be taken again at this time in ms since the epoch, in Redis time. */
export interface PutBack {
  readonly notBefore: number;
  /** Called once it is put back. */
  readonly onPutBack?: () => void;
}

/**
 * Runs one job: makes its reply and puts the reply into the gateway's inbox. When the promise resolves, the
 * job is to be finished, or put back. `left`: it is not active any more, because its answer is a stream,
 * whose end finishes it; so it holds no slot.
 * @param timesTaken how often the job was taken, this time included.
 */
export type RunJob = (id: string, job: JobData, timesTaken: number) => Promise<PutBack | 'left' | undefined>;

/** Called after a job is gone from the queue. */
export type OnFinished = (id: string, job: JobData) => void;

/** Ends a job that the consumer holds and whose data cannot be read. Never rejects. */
export type OnGarbled = (id: string) => Promise<void>;

/**
 * Takes jobs from a replica's queue. BullMQ's own worker is one such consumer; the rest of the worker does
 * not know which.
 */
export interface Consumer {
  /** Starts to take jobs; resolves when it is connected and takes them. */
  start(): Promise<void>;
  /** Takes nothing new until {@link resume}; what it holds goes on. */
  pause(): void;
  /** Takes jobs again. */
  resume(): void;
  /** Checks for jobs now, and registers again for direct delivery if it uses that. */
  wake(): void;
  /** Takes nothing new and resolves when what it held is finished. Safe to call twice. */
  stop(): Promise<void>;
  /** Takes nothing new and finishes nothing: another worker has what this one held. */
  abandon(): void;
}
