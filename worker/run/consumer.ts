import type { JobData } from '#shared/contract/job.ts';

/** A job that is put back, to be taken again at a time in ms since the epoch by Redis's clock. */
export interface PutBack {
  readonly notBefore: number;
}

/**
 * Runs one job: makes its reply and sees to it that the reply is in the gateway's inbox. When the promise has
 * resolved the job is finished, or to be put back.
 * @param attempt how often the job was taken: 1 for the first time.
 */
export type RunJob = (id: string, job: JobData, attempt: number) => Promise<PutBack | undefined>;

/** Called after a job is gone from the queue. */
export type OnFinished = (id: string, job: JobData) => void;

/** Ends a job whose data cannot be read, and which is in the consumer's hands. Never rejects. */
export type OnGarbled = (id: string) => Promise<void>;

/** What takes jobs from a replica's queue. Stock BullMQ is one way; the rest of the worker does not know which. */
export interface Consumer {
  /** Begins to take jobs; resolves when it is connected and takes them. */
  start(): Promise<void>;
  /** Takes nothing new until {@link resume}; what it holds goes on. */
  pause(): void;
  /** Takes jobs again. */
  resume(): void;
  /** Looks for jobs now, and says again that jobs may be delivered directly to it, if it takes any so. */
  wake(): void;
  /** Takes nothing new and resolves when what it held is finished. Safe to call twice. */
  stop(): Promise<void>;
  /** Takes nothing new and finishes nothing: another worker has what this one held. */
  abandon(): void;
}
