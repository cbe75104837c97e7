import { basename } from 'node:path';
import type { TakenSettings } from '#shared/settings/secrets.ts';
import { SettingsError } from '#shared/settings/settings-error.ts';
import { readConfigFile } from '../settings/config-file.ts';
import { misspeltWarnings } from '../settings/misspelt-warnings.ts';
import { joinSettings, sourcesOf } from '../settings/setting-sources.ts';
import type { Context } from './context.ts';
import { settingsOfFlags } from './setting-flags.ts';
import type { FlagValues } from './setting-flags.ts';

/**
 * Joins the settings of the config file, the environment and the flags, and warns on stderr of variables that
 * are probably misspelt.
 * @returns all variables, secrets included, and where they come from.
 * @throws {SettingsError} if the config file or the file of a secret cannot be used.
 */
export async function effectiveSettings(
  options: FlagValues & { readonly config?: string },
  { settings, faults }: Context,
): Promise<TakenSettings> {
  if (faults.length > 0) throw new SettingsError(faults);
  const file = await readConfigFile(process.cwd(), options.config);
  for (const warning of misspeltWarnings(settings)) process.stderr.write(`ringpost: ${warning}\n`);
  const flags = settingsOfFlags(options);
  const env = joinSettings(file?.settings ?? {}, settings, flags);
  const sources = sourcesOf([
    [`file ${basename(file?.path ?? '')}`, file?.settings ?? {}],
    ['environment', settings],
    ['command line', flags],
  ]);
  return { env, faults: [], sources };
}
