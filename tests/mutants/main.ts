/**
 * `npm run mutants -- core|lua [name…] [--again] [--list]`: changes one detail of a file after the other, and
 * reports the changes that no test notices. docs/mutants.md describes it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFolder } from '../fixtures/command.ts';
import { Attempts, vitestSettings } from './attempts.ts';
import { luaMutants } from './lua-lines.ts';
import { mutate } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { startRedis } from './redis.ts';
import { typescriptMutants } from './operators.ts';
import { acceptedFor, percent, Results, scoreOf } from './results.ts';
import type { Score } from './results.ts';
import { coreTargets, luaTargets } from './targets.ts';
import type { Target } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});
const [kind, ...names] = positionals;
if (kind !== 'core' && kind !== 'lua') throw new TypeError('say `core` or `lua`');
const targets = (kind === 'core' ? coreTargets : luaTargets).filter(
  ({ file }) => names.length === 0 || names.some((name) => file.includes(name)),
);
const settings = await vitestSettings();
const redis = kind === 'lua' && !values.list ? await startRedis() : undefined;
const scores: Score[] = [];
try {
  for (const target of targets) scores.push(await tryAll(target));
} finally {
  await redis?.stop();
}
const all = { killed: sum('killed'), accepted: sum('accepted'), survived: sum('survived') };
say(`all: ${all.killed} killed, ${all.accepted} accepted, ${all.survived} survived: ${percent(all)} %`);
process.exitCode = all.survived === 0 ? 0 : 1;

function sum(field: 'killed' | 'accepted' | 'survived'): number {
  return scores.reduce((total, score) => total + score[field], 0);
}

async function tryAll({ file, tests }: Target): Promise<Score> {
  const source = readFileSync(join(projectFolder, file), 'utf8');
  const results = new Results(file);
  const mutants = await mutantsOf(file, source);
  const waiting = mutants.filter((mutant) => {
    const outcome = results.of(source, mutant);
    if (outcome === undefined || values.again) return true;
    return outcome.outcome === 'survived' && acceptedFor(source, mutant) === undefined;
  });
  if (waiting.length > 0 && !values.list) {
    const attempts = new Attempts({
      folder: projectFolder,
      config: settings,
      tests: tests.map((name) =>
        join(projectFolder, `tests/${kind === 'core' ? 'unit' : 'integration'}/${name}.test.ts`),
      ),
      original: source.slice(bodyOf(file, source)),
      ...(redis === undefined ? { file: join(projectFolder, file) } : { redisUrl: redis.url }),
    });
    try {
      const ms = await attempts.runOriginal();
      say(`${file}: ${waiting.length} of ${mutants.length} mutants, ${Math.round(ms)} ms without one`);
      for (const mutant of waiting)
        results.add(
          source,
          mutant,
          await attempts.runMutant(mutate(source, mutant).slice(bodyOf(file, source))),
        );
    } finally {
      await attempts.stop();
    }
  }
  for (const mutant of mutants) {
    const isMissed =
      results.of(source, mutant)?.outcome === 'survived' && acceptedFor(source, mutant) === undefined;
    if (isMissed) say(`  ${file}:${mutant.line}  ${mutant.change}`);
  }
  const score = scoreOf(file, source, mutants, results);
  const { killed, accepted, survived, untried } = score;
  say(
    `${file}: ${killed} killed, ${accepted} accepted, ${survived} survived, ${untried} not tried: ${percent(score)} %`,
  );
  return score;
}

/** A script is compared without its header, since what it includes stands between the two. */
function bodyOf(file: string, source: string): number {
  return file.endsWith('.lua') ? (/^(?:--.*\n)*/.exec(source)?.[0].length ?? 0) : 0;
}

/** @returns those that compile. */
async function mutantsOf(file: string, source: string): Promise<Mutant[]> {
  if (!file.endsWith('.lua')) return typescriptMutants(file, source);
  const mutants = luaMutants(file, source);
  if (redis === undefined) return mutants;
  const compiled: Mutant[] = [];
  for (const mutant of mutants) if (await redis.compiles(mutate(source, mutant))) compiled.push(mutant);
  return compiled;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
