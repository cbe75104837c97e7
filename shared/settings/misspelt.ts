import { fileSetting, secretSettings } from './secrets.ts';

/** A name that is near that of a setting. */
export interface Misspelt {
  readonly name: string;
  /** The setting that was probably meant. */
  readonly meant: string;
}

/**
 * Variables that are near the name of a setting, but belong to another process of ringpost or to another
 * program. `_HANDLER` is set by AWS Lambda.
 */
const otherNames: ReadonlySet<string> = new Set([
  'GENERATION',
  'HEALTH_FILE',
  'REPLICA',
  'REPLICAS',
  'UPSTREAM',
  'UPSTREAMS',
  '_HANDLER',
]);

/** @returns the names of a schema's settings, with those of the files of its secrets. */
export function namesOf(schema: { readonly properties: object }): string[] {
  const names = Object.keys(schema.properties);
  const files = secretSettings.filter((name) => names.includes(name)).map(fileSetting);
  return [...names, ...files];
}

/**
 * Finds variables of the environment whose names are near that of a setting. Other programs have variables
 * too, so that only a near one counts.
 * @param names of all variables.
 * @param known the settings of this process.
 */
export function misspeltNames(names: readonly string[], known: readonly string[]): Misspelt[] {
  const settings = new Set(known);
  return names.flatMap((name) => {
    if (settings.has(name) || otherNames.has(name) || !/^[A-Z_][A-Z0-9_]+$/.test(name)) return [];
    const meant = nearest(name, known);
    return meant === undefined ? [] : [{ name, meant }];
  });
}

/** @returns one sentence about a variable of the environment that is probably misspelt. */
export function misspeltWarning({ name, meant }: Misspelt): string {
  return `${name} is not a setting and is ignored; did you mean ${meant}?`;
}

/**
 * @param known names in upper case.
 * @returns the known name that is nearest, if it is near; upper and lower case, `-` and `_` count as equal.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toUpperCase().replaceAll('-', '_');
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const each of known) {
    // Each start compares all variables with all settings. Most of them differ in length by more.
    if (Math.abs(wanted.length - each.length) > mistakesIn(each)) continue;
    const distance = editDistance(wanted, each);
    if (distance > mistakesIn(each) || distance >= least) continue;
    best = each;
    least = distance;
  }
  return best;
}

/** How many mistakes a name of this length may have. A short name with two is another word: HOME, HOST. */
function mistakesIn({ length }: string): number {
  return length < 7 ? 1 : 2;
}

/**
 * @returns how many letters have to be inserted, deleted, replaced, or exchanged with the next one to turn
 * one text into the other (optimal string alignment).
 */
export function editDistance(from: string, to: string): number {
  let previous: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i += 1) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      const steps = [cell(above, j) + 1, cell(row, j - 1) + 1, cell(above, j - 1) + same];
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1])
        steps.push(cell(previous, j - 2) + 1);
      row.push(Math.min(...steps));
    }
    previous = above;
  }
  return cell(row, to.length);
}

function cell(row: readonly number[], at: number): number {
  return row[at] ?? Number.POSITIVE_INFINITY;
}
