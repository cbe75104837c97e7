import type { Command } from 'commander';
import type { SettingSchema } from '#shared/settings/load-settings.ts';
import { plain, settingsText } from '#shared/settings/settings-text.ts';
import { isSecret } from '#shared/settings/secrets.ts';
import { gatewaySettings } from '../settings/settings.ts';
import type { Context } from './context.ts';

/** `ringpost settings`. */
export function define(command: Command, { output }: Context): void {
  command
    .description('List all settings: for the environment, for a config file, and as flags of `start`.')
    .option('--json', 'print one JSON document')
    .action(() => {
      const settings = Object.entries<SettingSchema>(gatewaySettings.properties).map(([name, schema]) => {
        const { default: value, description, enum: choices } = schema;
        return {
          name,
          type: schema.type,
          default: value ?? null,
          choices: choices ?? null,
          secret: isSecret(name),
          description: plain(description),
        };
      });
      output.show({ settings }, () => [settingsText(gatewaySettings)]);
    });
}
