import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '#shared/settings/load-settings.ts';
import { gatewaySettings } from '../gateway/settings/settings.ts';
import { workerSettings } from '../worker/config.ts';

const begin = '<!-- settings: made by `npm run docs` -->';
const end = '<!-- /settings -->';

/** @returns the document with its table of settings generated from the schemas. */
export function withSettings(document: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`the document has no place for the settings (${begin} … ${end})`);
  const { REPLICA, GENERATION, HEALTH_FILE, READY_FILE } = workerSettings.properties;
  const properties = { ...gatewaySettings.properties, REPLICA, GENERATION, HEALTH_FILE, READY_FILE };
  const table = settingsTable({ type: 'object', properties, required: [] });
  return `${document.slice(0, from)}${begin}\n${table}\n${document.slice(to)}`;
}

/** The document that has the table. */
export const settingsFile = new URL('settings.md', import.meta.url);

if (import.meta.main) writeFileSync(settingsFile, withSettings(readFileSync(settingsFile, 'utf8')));
