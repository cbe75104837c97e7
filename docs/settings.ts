import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '#shared/settings/load-settings.ts';
import { gatewaySettings } from '../gateway/config.ts';
import { workerSettings } from '../worker/config.ts';

const begin = '<!-- settings: made by `npm run docs` -->';
const end = '<!-- /settings -->';

/** @returns the README with its table of settings as the schemas have it. */
export function withSettings(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the README has no place for the settings (${begin} … ${end})`);
  const { REPLICA, GENERATION, HEALTH_FILE } = workerSettings.properties;
  const properties = { ...gatewaySettings.properties, REPLICA, GENERATION, HEALTH_FILE };
  const table = settingsTable({ type: 'object', properties, required: [] });
  return `${readme.slice(0, from)}${begin}\n${table}\n${readme.slice(to)}`;
}

/** The README's file. */
export const readmeFile = new URL('../README.md', import.meta.url);

if (import.meta.main) writeFileSync(readmeFile, withSettings(readFileSync(readmeFile, 'utf8')));
