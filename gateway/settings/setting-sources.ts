/** Settings of which a replica can have only one. One of a higher source replaces one of a lower source. */
const exclusive = ['HANDLER', 'UPSTREAM', 'UPSTREAMS', 'COMMAND'] as const;
/** Settings that belong to one of them, and go with it. */
const companions = ['COMMAND_READY'] as const;

/**
 * Joins settings of several sources.
 * @param sources from the lowest to the highest, e.g. a config file, the environment, flags. An empty value
 * counts as unset.
 * @returns the settings that apply.
 */
export function joinSettings(...sources: readonly NodeJS.ProcessEnv[]): NodeJS.ProcessEnv {
  let joined: NodeJS.ProcessEnv = {};
  for (const source of sources) {
    const given = Object.entries(source).filter(([, value]) => value !== undefined && value !== '');
    const replaces = given.some(([name]) => isExclusive(name));
    const kept = Object.entries(joined).filter(([name]) => !replaces || !goesWithThem(name));
    joined = Object.fromEntries([...kept, ...given]);
  }
  return joined;
}

/**
 * @param named sources with their names for people, from the lowest to the highest.
 * @returns the source of each setting that applies.
 */
export function sourcesOf(
  named: readonly (readonly [source: string, settings: NodeJS.ProcessEnv])[],
): ReadonlyMap<string, string> {
  const joined = joinSettings(...named.map(([, settings]) => settings));
  const sources = new Map<string, string>();
  for (const [source, settings] of named)
    for (const name of Object.keys(joined)) if ((settings[name] ?? '') !== '') sources.set(name, source);
  return sources;
}

function isExclusive(name: string): boolean {
  return exclusive.some((each) => each === name);
}

function goesWithThem(name: string): boolean {
  return isExclusive(name) || companions.some((each) => each === name);
}
