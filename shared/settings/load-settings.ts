import { Ajv } from 'ajv';
import type { ErrorObject } from 'ajv';
import { shownUrl } from '../process/shown-url.ts';
import { fileSetting, isSecret } from './secrets.ts';

/** One setting: a JSON schema that also says what it is for. The description has the units. */
export interface SettingSchema {
  readonly type: 'string' | 'integer';
  readonly description: string;
  readonly default?: string | number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The settings of one process: a JSON schema of environment variables. */
export interface SettingsSchema {
  readonly type: 'object';
  readonly properties: { readonly [name: string]: SettingSchema };
  readonly required: readonly string[];
}

type ValueOf<S extends SettingSchema> = S extends { readonly enum: readonly (infer E)[] }
  ? E
  : S extends { readonly type: 'integer' }
    ? number
    : string;

/** The values of a schema's settings. A setting that is not required and has no default can be undefined. */
export type SettingsOf<S extends SettingsSchema> = {
  readonly [N in keyof S['properties']]: S['properties'][N] extends { readonly default: string | number }
    ? ValueOf<S['properties'][N]>
    : N extends S['required'][number]
      ? ValueOf<S['properties'][N]>
      : ValueOf<S['properties'][N]> | undefined;
};

export { SettingsError } from './settings-error.ts';

/** Ajv's own coercion would read a blank as 0, and accept `0x10`, `1e3` and `Infinity`. */
const decimal = /^-?\d+$/;

/**
 * Checks the environment against a schema. Pure: it reads only `env`.
 * @param schema the settings. A variable that is unset or empty gets its default.
 * @param env environment variables.
 * @returns the values and all faults, one per line. Use the values only if there is no fault.
 */
export function readSettings<const S extends SettingsSchema>(
  schema: S,
  env: NodeJS.ProcessEnv,
): { values: SettingsOf<S>; faults: string[] } {
  const given: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  for (const [name, { type }] of Object.entries<SettingSchema>(schema.properties)) {
    const text = env[name];
    if (text === undefined || text === '') continue;
    given[name] = text;
    values[name] = type === 'integer' && decimal.test(text) ? Number(text) : text;
  }
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: true });
  const valid = ajv.compile(schema);
  const faults = valid(values) ? [] : (valid.errors ?? []).map((error) => faultOf(error, schema, given));
  // Ajv has checked the values against the schema from which the type is derived.
  return { values: values as SettingsOf<S>, faults };
}

function faultOf(error: ErrorObject, schema: SettingsSchema, given: Record<string, string>): string {
  if (error.keyword === 'required') {
    const name = String(error.params['missingProperty']);
    return `${name} is missing: ${schema.properties[name]?.description ?? ''}`;
  }
  const name = error.instancePath.slice(1);
  const setting = schema.properties[name];
  const text = given[name] ?? '';
  // A URL with a password has an `@`.
  const mayBeShown = isSecret(name) || text.includes('@') ? shownUrl(text) : text;
  if (mayBeShown === undefined) return `${name} cannot be used (${setting?.description ?? ''})`;
  const shown = JSON.stringify(mayBeShown);
  switch (error.keyword) {
    case 'enum':
      return `${name} is ${shown}; it can be ${setting?.enum?.join(', ') ?? ''}`;
    case 'type':
      return `${name} is ${shown}; it must be an integer`;
    case 'minimum':
    case 'maximum':
      return `${name} is ${shown}; it must be ${rangeOf(setting)}`;
    default:
      return `${name} is ${shown}; ${error.message ?? 'it is not valid'} (${setting?.description ?? ''})`;
  }
}

function rangeOf({ minimum, maximum }: Pick<SettingSchema, 'minimum' | 'maximum'> = {}): string {
  if (minimum !== undefined && maximum !== undefined) return `from ${minimum} to ${maximum}`;
  return minimum === undefined ? `at most ${maximum}` : `at least ${minimum}`;
}

/** @returns a Markdown table of settings: name, default, description. */
export function settingsTable(schema: SettingsSchema): string {
  const rows = Object.entries(schema.properties).map(([name, setting]) => {
    const value = setting.default === undefined ? '' : `\`${setting.default}\``;
    const choice = setting.enum ? ` One of ${setting.enum.map((item) => `\`${item}\``).join(', ')}.` : '';
    const file = isSecret(name) ? ` Or \`${fileSetting(name)}\`, a file that holds it.` : '';
    return `| \`${name}\` | ${value} | ${setting.description}${choice}${file} |`;
  });
  return ['| setting | default | what it is |', '|---|---|---|', ...rows].join('\n');
}
