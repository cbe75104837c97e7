import { isJob } from '#shared/contract/job.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { StockWorker } from '#shared/store/queue/stock-worker.ts';
import type { Consumer, OnFinished, OnGarbled, RunJob } from '../run/consumer.ts';

export interface StockConsumerOptions {
  /** A patient connection; a second one is opened for blocking reads. */
  readonly connection: Connection;
  readonly replica: string;
  /** How many jobs are run at once. */
  readonly concurrency: number;
  readonly run: RunJob;
  readonly onFinished: OnFinished;
  readonly onGarbled: OnGarbled;
  readonly log: Logger;
}

/** A consumer that is BullMQ's own worker. `reclaim.ts` takes back what a dead worker held. */
export function createStockConsumer(options: StockConsumerOptions): Consumer {
  const { run, onGarbled, ...others } = options;
  const worker = new StockWorker({
    ...others,
    process: async (id, data, timesTaken) => {
      if (isJob(data)) {
        const next = await run(id, data, timesTaken);
        if (next === undefined || next === 'left') return next;
        // BullMQ puts it back after this. Whoever is told of it waits for longer than that takes.
        next.onPutBack?.();
        return next.notBefore;
      }
      await onGarbled(id);
      return undefined;
    },
  });
  return {
    start: () => worker.start(),
    stop: () => worker.stop(),
    pause: () => worker.pause(),
    resume: () => worker.resume(),
    // Nothing is delivered directly to it, and BullMQ wakes it.
    wake: () => undefined,
    abandon: () => worker.abandon(),
  };
}
