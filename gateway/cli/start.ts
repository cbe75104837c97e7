import type { Command } from 'commander';
import { loadGatewayConfig } from '../settings/config.ts';
import type { Context } from './context.ts';
import { dashboardOf } from './gateway-options.ts';
import { effectiveSettings } from './effective-settings.ts';
import { withSettingFlags } from './setting-flags.ts';
import type { FlagValues } from './setting-flags.ts';

const moreHelp = `
Flags are the frequent settings; \`ringpost settings\` lists all of them. A flag
wins over the environment, the environment over the config file. Give secrets
in the environment: other users can read a command line.`;

/** `ringpost start`. */
export function define(command: Command, context: Context): void {
  withSettingFlags(command)
    .description('Run a gateway with its controller and its replicas, until Ctrl-C.')
    .option('--config <file>', 'a config file (ringpost.config.ts, .mts, .js, .mjs, .json)')
    .option('--json', 'print the ready line as one JSON document')
    .addHelpText('after', moreHelp)
    .action(async (options: FlagValues) => {
      const settings = await effectiveSettings(options, context);
      // All faults at once, before anything is loaded that takes time.
      loadGatewayConfig(settings.env);
      const { runSystem } = await import('../run-system.ts');
      await runSystem(settings, {
        onReady: (message, gateway) => {
          const url = gateway?.app.listeningOrigin ?? null;
          const adminUrl = gateway?.adminUrl ?? null;
          const dashboard = adminUrl === null ? null : dashboardOf(adminUrl);
          const lines = dashboard === null ? [message] : [message, `ringpost dashboard: ${dashboard}`];
          context.output.show({ message, url, adminUrl, dashboard }, () => lines);
        },
      });
    });
}
