import type { Command } from 'commander';
import type { SettingSchema } from '#shared/settings/load-settings.ts';
import { plain } from '#shared/settings/settings-text.ts';
import { gatewaySettings } from '../settings/settings.ts';

/** The settings that are flags of `start` and `dev`, as far as the schema has them. */
const frequent = [
  'PORT',
  'HOST',
  'HANDLER',
  'UPSTREAM',
  'UPSTREAMS',
  'COMMAND',
  'REPLICAS',
  'CONCURRENCY',
  'HASH_KEY',
  'NAMESPACE',
  'REDIS_URL',
  'REPLICA_DRIVER',
  'ADMIN_PORT',
  'LOG_LEVEL',
] as const;

/** The values of flags, by the names that commander gives them. */
export type FlagValues = Readonly<Record<string, unknown>>;

/**
 * Adds a flag for each frequent setting: `--redis-url` for `REDIS_URL`.
 * @param except the settings that this command has no flag for.
 */
export function withSettingFlags(command: Command, except: readonly string[] = []): Command {
  for (const [name, schema] of flags(except))
    command.option(`${flagOf(name)} <${schema.type === 'integer' ? 'n' : 'value'}>`, described(schema));
  return command;
}

/** @returns the flags that were given, as variables of the environment. */
export function settingsOfFlags(options: FlagValues): NodeJS.ProcessEnv {
  return Object.fromEntries(
    flags([]).flatMap(([name]) => {
      const value = options[attributeOf(name)];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

function flags(except: readonly string[]): [string, SettingSchema][] {
  const properties: Readonly<Record<string, SettingSchema>> = gatewaySettings.properties;
  return frequent.flatMap((name) => {
    const schema = properties[name];
    return schema === undefined || except.includes(name) ? [] : [[name, schema] as [string, SettingSchema]];
  });
}

function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}

/** As commander names the value of a flag. */
function attributeOf(name: string): string {
  return name.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The first sentence of the description, as the help writes it, with the default. */
function described({ description, default: value }: SettingSchema): string {
  const [sentence = ''] = plain(description).split(/(?<!e\.g)\.(?: |$)/, 1);
  const text = sentence.replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
  return value === undefined ? text : `${text} (${value})`;
}
