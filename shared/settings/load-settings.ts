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

/** `Number` alone would read a blank as 0, and accept `0x10`, `1e3` and `Infinity`. */
const decimal = /^-?\d+$/;

/**
 * Checks the environment against a schema. Pure: it reads only `env`. It knows the keywords that
 * {@link SettingSchema} has. A validator for all of JSON Schema would take a sixth of a worker's start.
 * @param schema the settings. A variable that is unset or empty gets its default.
 * @param env environment variables.
 * @returns the values and all faults, one per line. Use the values only if there is no fault.
 */
export function readSettings<const S extends SettingsSchema>(
  schema: S,
  env: NodeJS.ProcessEnv,
): { values: SettingsOf<S>; faults: string[] } {
  const values: Record<string, string | number> = {};
  const missing: string[] = [];
  const wrong: string[] = [];
  for (const [name, setting] of Object.entries<SettingSchema>(schema.properties)) {
    const text = env[name];
    if (text === undefined || text === '') {
      if (setting.default !== undefined) values[name] = setting.default;
      else if (schema.required.includes(name)) missing.push(`${name} is missing: ${setting.description}`);
      continue;
    }
    const value = setting.type === 'integer' && decimal.test(text) ? Number(text) : text;
    const fault = faultOf(setting, value);
    if (fault === undefined) values[name] = value;
    else wrong.push(described(name, setting, text, fault));
  }
  // The values are those of the schema from which the type is derived, unless there is a fault.
  return { values: values as SettingsOf<S>, faults: [...missing, ...wrong] };
}

/** @returns what is wrong with a value; undefined if nothing is. */
function faultOf(setting: SettingSchema, value: string | number): string | undefined {
  const { type, enum: choices, pattern, minimum = -Infinity, maximum = Infinity, description } = setting;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'it must be an integer';
    return value < minimum || value > maximum ? `it must be ${rangeOf(setting)}` : undefined;
  }
  if (type === 'integer') return 'it must be an integer';
  if (choices?.includes(value) === false) return `it can be ${choices.join(', ')}`;
  if (pattern === undefined || new RegExp(pattern, 'u').test(value)) return undefined;
  return `must match pattern "${pattern}" (${description})`;
}

/** @returns the sentence about a fault. It shows the text unless that may hold a secret. */
function described(name: string, { description }: SettingSchema, text: string, fault: string): string {
  // A URL with a password has an `@`.
  const mayBeShown = isSecret(name) || text.includes('@') ? shownUrl(text) : text;
  if (mayBeShown === undefined) return `${name} cannot be used (${description})`;
  return `${name} is ${JSON.stringify(mayBeShown)}; ${fault}`;
}

function rangeOf({ minimum, maximum }: Pick<SettingSchema, 'minimum' | 'maximum'>): string {
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
