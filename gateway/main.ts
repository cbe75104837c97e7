import { environment } from './settings/environment.ts';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { createLogger } from '#shared/process/logger.ts';
import { onTermination } from '#shared/process/signals.ts';
import { endOnUncaught } from '#shared/process/uncaught.ts';
import { settingsTable, SettingsError } from '#shared/settings/load-settings.ts';
import { disablePretenuring } from '#shared/v8/pretenuring.ts';
import { readyLine } from './ready-line.ts';
import { loadGatewayConfig } from './settings/config.ts';
import type { GatewayConfig } from './settings/config.ts';
import { gatewaySettings } from './settings/settings.ts';
import { explainFault } from './start-fault.ts';
import { System } from './system.ts';

const say = (line: string): void => void process.stderr.write(`ringpost: ${line}\n`);

async function main(config: GatewayConfig): Promise<void> {
  disablePretenuring();
  const name = `${hostname().slice(0, 32)}-${randomBytes(4).toString('hex')}`;
  const log = createLogger(config.role, config.logLevel, { name }, config.logFormat);
  const system = new System({ config, name, log, say });
  const ending = new AbortController();
  const { signal } = ending;
  const starting = system.start(signal);
  onTermination({
    timeoutMs: config.drainTimeoutMs,
    inFlight: () => system.inFlight(),
    waitingFor: () => system.pending(),
    stop: async () => {
      ending.abort();
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
    if (!signal.aborted) process.stdout.write(`${line}\n`);
  } catch (error) {
    if (signal.aborted) return;
    say(explainFault(error));
    ending.abort();
    await system.stop();
    process.exit(1);
  }
}

if (process.argv.includes('--help')) {
  process.stdout.write(
    `ringpost: settings are environment variables.\n\n${settingsTable(gatewaySettings)}\n`,
  );
} else {
  endOnUncaught('ringpost');
  try {
    if (environment.faults.length > 0) throw new SettingsError(environment.faults);
    await main(loadGatewayConfig(environment.env));
  } catch (error) {
    say(explainFault(error));
    process.exit(1);
  }
}
