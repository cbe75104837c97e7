import { environment } from './settings/environment.ts';
import { settingsTable } from '#shared/settings/load-settings.ts';
import { runSystem } from './run-system.ts';
import { gatewaySettings } from './settings/settings.ts';

if (process.argv.includes('--help')) {
  process.stdout.write(
    `ringpost: settings are environment variables.\n\n${settingsTable(gatewaySettings)}\n`,
  );
} else {
  await runSystem(environment);
}
