import { existsSync, readFileSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { safeText } from '#shared/process/safe-error.ts';
import { SettingsError } from '#shared/settings/settings-error.ts';
import { namesOf, nearest } from '#shared/settings/misspelt.ts';
import { takeSecrets } from '#shared/settings/secrets.ts';
import { gatewaySettings } from './settings.ts';

/** The names of a config file, one of which may be in the working directory. */
export const configFileNames = [
  'ringpost.config.ts',
  'ringpost.config.mts',
  'ringpost.config.js',
  'ringpost.config.mjs',
  'ringpost.config.json',
] as const;

/** The settings of a config file. */
export interface ConfigFile {
  readonly path: string;
  /** As in the environment. A secret that was read from a file is here under its own name. */
  readonly settings: NodeJS.ProcessEnv;
}

/**
 * Reads the settings of a config file: the default export of a module, or the object of a JSON file.
 * @param folder the working directory.
 * @param given the path of the file; undefined: the one in the folder, if there is one.
 * @returns undefined if there is no file.
 * @throws {SettingsError} if a file cannot be read, or has a name that is no setting, or a value that is
 * neither a string nor a number. No value is quoted.
 */
export async function readConfigFile(folder: string, given?: string): Promise<ConfigFile | undefined> {
  const path = given === undefined ? findConfigFile(folder) : resolve(folder, given);
  if (path === undefined) return undefined;
  if (!existsSync(path))
    throw new SettingsError([`--config is ${JSON.stringify(given)}; there is no such file`]);
  const name = basename(path);
  const { settings, faults } = settingsIn(await contentOf(path), name);
  const taken = takeSecrets(settings);
  faults.push(...taken.faults.map((fault) => `${name}: ${fault}`));
  if (faults.length > 0) throw new SettingsError(faults);
  return { path, settings: taken.env };
}

/** @returns the path of the one config file in a folder; undefined if there is none. */
function findConfigFile(folder: string): string | undefined {
  const found = configFileNames.filter((name) => existsSync(resolve(folder, name)));
  if (found.length > 1)
    throw new SettingsError([
      `${found.join(' and ')} are both here; delete one, or choose one with --config`,
    ]);
  return found[0] === undefined ? undefined : resolve(folder, found[0]);
}

async function contentOf(path: string): Promise<unknown> {
  const name = basename(path);
  if (extname(path) === '.json') {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as unknown;
    } catch (error) {
      const why = error instanceof SyntaxError ? 'it is not valid JSON' : reasonOf(error);
      throw new SettingsError([`${name} cannot be read: ${why}`]);
    }
  }
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module; // a module is an object
  } catch (error) {
    throw new SettingsError([`${name} cannot be loaded: ${reasonOf(error)}`]);
  }
  if (module.default === undefined)
    throw new SettingsError([`${name} has no default export; write: export default { PORT: 5000 }`]);
  return module.default;
}

/** @returns the first line of an error's message. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : 'it threw no error';
  return safeText(message.split('\n', 1)[0] ?? '');
}

function settingsIn(content: unknown, file: string): { settings: NodeJS.ProcessEnv; faults: string[] } {
  const settings: NodeJS.ProcessEnv = {};
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    return { settings, faults: [`${file} must hold an object of settings, e.g. { "PORT": 5000 }`] };
  }
  const known = namesOf(gatewaySettings);
  const faults: string[] = [];
  for (const [name, value] of Object.entries(content) as [string, unknown][]) {
    if (!known.includes(name)) faults.push(`${file}: ${unknownName(name, known)}`);
    else if (typeof value === 'string' || typeof value === 'number') settings[name] = String(value);
    else if (value !== undefined && value !== null)
      faults.push(`${file}: ${name} is ${kindOf(value)}; it must be a string or a number`);
  }
  return { settings, faults };
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function unknownName(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const hint = meant === undefined ? '`ringpost settings` lists all of them' : `did you mean ${meant}?`;
  return `${name} is not a setting; ${hint}`;
}
