import { misspeltNames, misspeltWarning, namesOf } from '#shared/settings/misspelt.ts';
import { gatewaySettings } from './settings.ts';

/** @returns one sentence for each variable of the environment that is probably a misspelt setting. */
export function misspeltWarnings(env: NodeJS.ProcessEnv): string[] {
  return misspeltNames(Object.keys(env), namesOf(gatewaySettings)).map(misspeltWarning);
}
