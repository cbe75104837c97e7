import type { SettingView } from '#shared/contract/api/system.ts';
import { redactUrl } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { SettingSchema } from '#shared/settings/load-settings.ts';
import { isSecret } from '#shared/settings/secrets.ts';
import { plain } from '#shared/settings/settings-text.ts';
import { gatewaySettings } from './settings.ts';

/** The source of each setting that was given, for people, e.g. `environment`. */
export type SettingSources = ReadonlyMap<string, string>;

/**
 * @param env the settings in force, secrets included.
 * @param sources `environment` for what is not among them.
 * @returns all settings, in the order of the documents, without secrets.
 */
export function settingsView(
  env: NodeJS.ProcessEnv,
  sources: SettingSources,
  redaction: Redaction,
): SettingView[] {
  return Object.entries<SettingSchema>(gatewaySettings.properties).map(([name, schema]) => {
    const given = env[name] ?? '';
    const fallback = schema.default === undefined ? null : String(schema.default);
    const isGiven = given !== '';
    const secret = isGiven && isSecret(name);
    const value = isGiven ? shownValue(name, given, redaction) : fallback;
    return {
      name,
      value: secret ? null : value,
      secret,
      source: isGiven ? (sources.get(name) ?? 'environment') : 'default',
      default: fallback,
      help: plain(schema.description),
    };
  });
}

/** URLs may have passwords, and the arguments of a program may be some. */
function shownValue(name: string, value: string, redaction: Redaction): string {
  switch (name) {
    case 'UPSTREAM':
    case 'UPSTREAMS':
      return value
        .split(',')
        .map((url) => redactUrl(url.trim(), redaction))
        .join(',');
    case 'COMMAND': {
      const [program = '', ...others] = value.trim().split(/\s+/);
      return others.length === 0 ? program : `${program} …`;
    }
    default:
      return value;
  }
}
