import type { Logger } from '#shared/process/logger.ts';
import { composeWorker, openWorker } from '../../../worker/compose-worker.ts';
import type { WorkerConfig } from '../../../worker/config.ts';
import type { Handler } from '../../../worker/handlers/handler.ts';

export interface RunningWorker {
  /** It takes jobs, or has failed to start. */
  readonly ready: Promise<void>;
  /** SIGTERM. It exits by itself when it has finished what it holds. */
  terminate(): void;
}

/**
 * Starts a worker, as `worker/main.ts` does.
 * @param handler answers its requests.
 * @param exit ends its process at once, with this code.
 */
export function startWorker(
  config: WorkerConfig,
  handler: Handler,
  exit: (code: number) => void,
  log: Logger,
): RunningWorker {
  let stop: (() => Promise<void>) | undefined;
  let terminated = false;
  const terminate = (): void => {
    if (terminated) return;
    terminated = true;
    if (stop === undefined) exit(0);
    else
      stop().then(
        () => exit(0),
        () => exit(1),
      );
  };
  const start = async (): Promise<void> => {
    try {
      const opened = await openWorker(config, log);
      const worker = await composeWorker(opened, {
        env: {},
        createHandler: () => Promise.resolve(handler),
        onFault: () => exit(1),
        onRetired: terminate,
        noted: () => Promise.resolve(),
      });
      stop = () => worker.stop('signal');
      await worker.start();
    } catch {
      exit(1);
    }
  };
  return { ready: start(), terminate };
}
