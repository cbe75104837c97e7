import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createLogger } from '#shared/process/logger.ts';
import { onTermination } from '#shared/process/signals.ts';
import { endOnUncaught } from '#shared/process/uncaught.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import type { TakenSettings } from '#shared/settings/secrets.ts';
import { prepareV8 } from '#shared/v8/prepare.ts';
import type { HandlerVersions } from './drivers/handler-versions.ts';
import type { Gateway } from './gateway.ts';
import { readyLine } from './ready-line.ts';
import { loadGatewayConfig } from './settings/config.ts';
import type { GatewayConfig } from './settings/config.ts';
import { explainFault } from './start-fault.ts';
import { System } from './system.ts';

export interface RunOptions {
  /** The handler of process workers, if it may be replaced while they run. */
  readonly handler?: HandlerVersions;
  /**
   * Called instead of printing the ready line on stdout.
   * @param line that says how the start went.
   * @param gateway undefined if this process is only a controller.
   */
  readonly onReady?: (line: string, gateway: Gateway | undefined) => void;
  /** Called before the system stops, for whatever reason. */
  readonly onStopping?: () => void;
}

const say = (line: string): void => void process.stderr.write(`ringpost: ${line}\n`);

/**
 * Runs a gateway, a controller or both, as the settings say, until SIGTERM or SIGINT. It takes this process
 * over: it handles its signals and its uncaught errors. It ends it with exit code 0 after a clean stop, and
 * with 1 if it cannot start or if work was abandoned. What is wrong is on stderr, in one sentence if the user
 * can correct it.
 * @param settings all variables, secrets included. Workers inherit them without the secrets.
 * @returns when the system is ready, or was told to stop before.
 */
export async function runSystem(settings: TakenSettings, options: RunOptions = {}): Promise<void> {
  endOnUncaught('ringpost');
  try {
    if (settings.faults.length > 0) throw new SettingsError(settings.faults);
    await run(loadGatewayConfig(settings.env, settings.sources), settings.env, options);
  } catch (error) {
    say(explainFault(error));
    process.exit(1);
  }
}

async function run(config: GatewayConfig, env: NodeJS.ProcessEnv, options: RunOptions): Promise<void> {
  prepareV8();
  const { onReady = (line) => void process.stdout.write(`${line}\n`), onStopping, handler } = options;
  const name = `${hostname().slice(0, 32)}-${randomBytes(4).toString('hex')}`;
  const log = createLogger(config.role, config.logLevel, { name }, config.logFormat);
  const onRedisEnd = (reason: string): never => {
    say(reason);
    process.exit(1);
  };
  const system = new System({ config, env, name, handler, log, say, onRedisEnd });
  const ending = new AbortController();
  const { signal } = ending;
  const starting = system.start(signal);
  onTermination({
    timeoutMs: config.shutdownDelayMs + config.drainTimeoutMs,
    inFlight: () => system.inFlight(),
    waitingFor: () => system.pending(),
    stop: async () => {
      ending.abort();
      onStopping?.();
      // A part whose start is in progress is known, and can be stopped, only when it has started.
      await starting.catch(() => undefined);
      await system.stop();
    },
  });
  try {
    const redisUrl = await starting;
    if (redisUrl === undefined) return;
    const { gateway, hasPrivateRedis: isPrivateRedis } = system;
    const line = await readyLine({ config, gateway, redisUrl, isPrivateRedis, log, signal });
    if (!signal.aborted) onReady(line, gateway);
  } catch (error) {
    if (signal.aborted) return;
    say(explainFault(error));
    ending.abort();
    onStopping?.();
    await system.stop();
    process.exit(1);
  }
}
