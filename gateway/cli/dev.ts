import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { loadGatewayConfig } from '../settings/config.ts';
import { joinSettings } from '../settings/setting-sources.ts';
import type { Context } from './context.ts';
import { effectiveSettings } from './effective-settings.ts';
import { usage } from './failure.ts';
import { withSettingFlags } from './setting-flags.ts';
import type { FlagValues } from './setting-flags.ts';

/** What `dev` runs instead of these settings. */
const notOfDev = ['HANDLER', 'UPSTREAM', 'UPSTREAMS', 'COMMAND', 'REPLICA_DRIVER'];

/** Where a handler is if nobody names it. */
const usualFiles = ['handler.ts', 'handler.mts', 'handler.js', 'handler.mjs'];

/** `ringpost dev [handler]`. */
export function define(command: Command, context: Context): void {
  withSettingFlags(
    command.argument('[handler]', 'its file (HANDLER; handler.ts, .mts, .js or .mjs)'),
    notOfDev,
  )
    .description(
      'Run a handler, and load it again when one of its files changes. Requests that run then are finished ' +
        'by the version that they began with.',
    )
    .option('--config <file>', 'a config file (ringpost.config.ts, .mts, .js, .mjs, .json)')
    .action(async (given: string | undefined, options: FlagValues) => {
      const { env: settings, sources } = await effectiveSettings(options, context);
      const file =
        given ?? settings['HANDLER'] ?? usualFiles.find((each) => existsSync(each)) ?? 'handler.ts';
      if (!existsSync(file))
        throw usage(`there is no file ${JSON.stringify(file)}; name the handler: ringpost dev handler.ts`);
      // The handler replaces an upstream or a command of the environment.
      const env = joinSettings(settings, { HANDLER: file });
      loadGatewayConfig(env);
      const { runDev } = await import('../dev/run-dev.ts');
      await runDev(file, { settings: { env, faults: [], ...(sources === undefined ? {} : { sources }) } });
    });
}
