import { SettingsError } from './load-settings.ts';
import type { SettingSchema, SettingsSchema } from './load-settings.ts';
import { namesOf, nearest } from './misspelt.ts';

type GivenValue<S extends SettingSchema> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly type: 'integer' }
    ? number | `${number}`
    : string;

/** Settings as a program gives them: by the names of the environment variables, and numbers as numbers. */
export type GivenSettings<S extends SettingsSchema> = {
  readonly [N in keyof S['properties']]?: GivenValue<S['properties'][N]> | undefined;
};

/**
 * Writes given settings as environment variables. Their values are checked when those are read.
 * @param nearest finds the name that was probably meant.
 * @throws {SettingsError} that lists all names that are no settings, and values that are no text or number.
 */
export function asEnvironment(schema: SettingsSchema, given: object): Record<string, string> {
  const known = Object.keys(schema.properties);
  const env: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries<unknown>({ ...given })) {
    if (!known.includes(name)) {
      const meant = nearest(name, known);
      faults.push(`${name} is not a setting${meant === undefined ? '' : `; did you mean ${meant}?`}`);
    } else if (typeof value === 'string' || typeof value === 'number') {
      env[name] = String(value);
    } else if (value !== undefined) {
      faults.push(
        `${name} is ${value === null ? 'null' : `a ${typeof value}`}; it must be a string or a number`,
      );
    }
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return env;
}

/** @returns an environment without the settings of a schema, and without the names of files of secrets. */
export function withoutSettings(env: NodeJS.ProcessEnv, schema: SettingsSchema): NodeJS.ProcessEnv {
  const settings = new Set(namesOf(schema));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settings.has(name)));
}
