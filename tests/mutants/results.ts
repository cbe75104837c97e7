import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectFolder } from '../fixtures/command.ts';
import { accepted } from './accepted.ts';
import type { Outcome } from './attempts.ts';
import { lineText, mutantId } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** The outcomes of a file's mutants by their ids, kept so that a run can go on where the last one stopped. */
export class Results {
  readonly #path: string;
  readonly #known: Record<string, Outcome & Pick<Mutant, 'line' | 'change'>>;

  constructor(file: string) {
    this.#path = join(projectFolder, '.ringpost/mutants', `${file.replaceAll('/', '+')}.json`);
    this.#known = read(this.#path);
  }

  /** @returns undefined for a mutant that has not been tried since its file was changed. */
  of(source: string, mutant: Mutant): Outcome | undefined {
    return this.#known[mutantId(source, mutant)];
  }

  add(source: string, mutant: Mutant, outcome: Outcome): void {
    const { line, change } = mutant;
    this.#known[mutantId(source, mutant)] = { line, change, ...outcome };
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, `${JSON.stringify(this.#known, null, 1)}\n`);
  }
}

function read(path: string): Record<string, Outcome & Pick<Mutant, 'line' | 'change'>> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<
      string,
      Outcome & Pick<Mutant, 'line' | 'change'>
    >;
  } catch {
    return {};
  }
}

/** @returns why a mutant need not be killed; undefined if it must be. */
export function acceptedFor(source: string, mutant: Mutant): string | undefined {
  const line = lineText(source, mutant);
  return accepted.find(
    (each) =>
      each.file === mutant.file &&
      each.line === line &&
      (each.change === '*' || each.change === mutant.change),
  )?.reason;
}

/** How many of a file's mutants came to what. */
export interface Score {
  readonly file: string;
  readonly killed: number;
  readonly accepted: number;
  readonly survived: number;
  readonly untried: number;
}

export function scoreOf(file: string, source: string, mutants: readonly Mutant[], results: Results): Score {
  const score = { file, killed: 0, accepted: 0, survived: 0, untried: 0 };
  for (const mutant of mutants) {
    const outcome = results.of(source, mutant);
    if (outcome === undefined) score.untried += 1;
    else if (outcome.outcome !== 'survived') score.killed += 1;
    else if (acceptedFor(source, mutant) === undefined) score.survived += 1;
    else score.accepted += 1;
  }
  return score;
}

/** @returns the killed ones of those that were tried and are not accepted, in percent. */
export function percent({ killed, survived }: Pick<Score, 'killed' | 'survived'>): number {
  return killed + survived === 0 ? 100 : Math.floor((1000 * killed) / (killed + survived)) / 10;
}
