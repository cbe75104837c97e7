import { environment } from './settings/environment.ts';
import { settingsText } from '#shared/settings/settings-text.ts';
import { runSystem } from './run-system.ts';
import { misspeltWarnings } from './settings/misspelt-warnings.ts';
import { gatewaySettings } from './settings/settings.ts';

if (process.argv.includes('--help')) {
  process.stdout.write(
    `Settings are environment variables, here with their defaults.\n\n${settingsText(gatewaySettings)}\n`,
  );
} else {
  for (const warning of misspeltWarnings(environment.env)) process.stderr.write(`ringpost: ${warning}\n`);
  await runSystem(environment);
}
