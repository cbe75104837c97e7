import { environment } from './environment.ts';
import { unloadedExitCode } from '#shared/contract/unloaded.ts';
import { createLogger } from '#shared/process/logger.ts';
import { onTermination } from '#shared/process/signals.ts';
import { writeStderr } from '#shared/process/stderr.ts';
import { describe } from '#shared/process/uncaught.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { misspeltNames, misspeltWarning, namesOf } from '#shared/settings/misspelt.ts';
import { prepareV8 } from '#shared/v8/prepare.ts';
import { fillCompileCache } from './compile-cache.ts';
import { composeWorker, faultTexts, openWorker } from './compose-worker.ts';
import { loadWorkerConfig, workerSettings } from './config.ts';
import type { WorkerConfig } from './config.ts';
import { CrashExit } from './crash-exit.ts';
import { createHandler } from './handlers/create-handler.ts';
import { loadHandler } from './handler-loading.ts';
import { captureOutput } from './handlers/capture-output.ts';
import { HandlerLoadError } from '#shared/contract/handler-load-error.ts';
import { joinFirst } from './join/join-first.ts';
import { ownUpstream } from './handlers/own-upstream.ts';
import { programOptions } from './program-options.ts';
import { UnhandledErrors } from './unhandled-errors.ts';

/** Runs one worker until it is told to leave. */
async function main(config: WorkerConfig, env: NodeJS.ProcessEnv): Promise<void> {
  prepareV8();
  const { replica, concurrency, streamConcurrency, drainTimeoutMs, handlerPath, logFormat } = config;
  const log = createLogger('worker', config.logLevel, { replica }, logFormat);
  const opened = await openWorker(config, log);
  const { served } = opened;
  // Also if a fault ends the process: only a kill leaves the file, until the next start.
  process.once('exit', () => opened.readyFile.remove());
  const crashExit = new CrashExit(opened);
  new UnhandledErrors({ onUncaught: (thrown) => crashExit.onUncaught(thrown), log }).listen();
  const joined = opened.membership && (await joinFirst(opened.membership));
  const worker = await composeWorker(opened, {
    env,
    createHandler: (budget) => {
      const program = programOptions(opened, env, (end) => void crashExit.onProgramEnded(end));
      const output = handlerPath === undefined ? undefined : captureOutput(replica, logFormat);
      return loadHandler(async () => {
        const upstream = await ownUpstream({ ...config, connection: opened.connection, log });
        // A stream keeps its connection after its slot is free.
        const connections = concurrency + streamConcurrency;
        return createHandler({ ...config, upstream, program, connections, budget, output });
      }, opened);
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
  joined?.();
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
  // It is logged and noted already.
  if (error instanceof HandlerLoadError) process.exit(unloadedExitCode);
  const known = error instanceof SettingsError;
  writeStderr(`ringpost worker: ${known ? String(error) : describe(error)}\n`);
  // The image build starts a worker without settings, to fill the compile cache.
  if (known) await fillCompileCache();
  process.exit(1);
}
