import { environment } from './environment.ts';
import { createLogger } from '#shared/process/logger.ts';
import { onTermination } from '#shared/process/signals.ts';
import { describe } from '#shared/process/uncaught.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { misspeltNames, misspeltWarning, namesOf } from '#shared/settings/misspelt.ts';
import { disablePretenuring } from '#shared/v8/pretenuring.ts';
import { fillCompileCache } from './compile-cache.ts';
import { composeWorker, faultTexts, openWorker } from './compose-worker.ts';
import { loadWorkerConfig, workerSettings } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { CrashExit } from './crash-exit.ts';
import { createHandler } from './handlers/create-handler.ts';
import { ownUpstream } from './handlers/own-upstream.ts';
import { UnhandledErrors } from './unhandled-errors.ts';

/** Runs one worker until it is told to leave. */
async function main(config: WorkerConfig, env: NodeJS.ProcessEnv): Promise<void> {
  disablePretenuring();
  const { concurrency, drainTimeoutMs } = config;
  const log = createLogger('worker', config.logLevel, { replica: config.replica });
  const opened = await openWorker(config, log);
  const { served } = opened;
  const crashExit = new CrashExit(opened);
  new UnhandledErrors({ onUncaught: (thrown) => crashExit.onUncaught(thrown), log }).listen();
  const worker = await composeWorker(opened, {
    env,
    createHandler: async (budget) => {
      const upstream = await ownUpstream({ ...config, connection: opened.connection, log });
      return createHandler({ ...config, upstream, connections: concurrency, budget });
    },
    onFault: (fault, err) => {
      log.error(err === undefined ? {} : { err }, `${faultTexts[fault]}; exiting now`);
      process.exit(1);
    },
    onRetired: () => process.kill(process.pid, 'SIGTERM'),
    noted: () => crashExit.noted,
  });
  const leave = onTermination({
    timeoutMs: drainTimeoutMs,
    inFlight: () => served.running,
    stop: (cause) => worker.stop(cause),
  });
  crashExit.drainBy(leave);
  await worker.start();
}

/** The controller has warned already if it started this worker, which then has its environment. */
function warnOfMisspelt({ generation }: WorkerConfig): void {
  if (generation !== undefined) return;
  for (const each of misspeltNames(Object.keys(environment.env), namesOf(workerSettings)))
    process.stderr.write(`ringpost worker: ${misspeltWarning(each)}\n`);
}

try {
  if (environment.faults.length > 0) throw new SettingsError(environment.faults);
  const config = loadWorkerConfig(environment.env);
  warnOfMisspelt(config);
  await main(config, process.env);
} catch (error) {
  const known = error instanceof SettingsError;
  process.stderr.write(`ringpost worker: ${known ? String(error) : describe(error)}\n`);
  // The image build starts a worker without settings, to fill the compile cache.
  if (known) await fillCompileCache();
  process.exit(1);
}
