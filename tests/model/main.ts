/**
 * `npm run model [-- --only suspects] [--short] [--long --minutes 5] [--trail]`: checks the models in
 * docs/model with spin, and that each guard that is switched off gives a counterexample.
 */
import { parseArgs } from 'node:util';
import { missingGuards } from './guards.ts';
import { searchModel } from './spin.ts';
import type { Search, Searched } from './spin.ts';
import { missingTools } from './tools.ts';
import { largeWorlds, moreWorlds, shortWorlds } from './worlds.ts';
import type { World } from './worlds.ts';

/** One row of the table. */
interface Check extends World {
  readonly search: Search;
  readonly macros: readonly string[];
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '5' },
    trail: { type: 'boolean', default: false },
  },
});

const missing = missingTools(process.env, say);
if (missing === undefined) process.exitCode = (await checkAll(chosen())) === 0 ? 0 : 1;
else {
  say(missing);
  // As in the suite: what cannot run here is not a failure, but is said.
  say('0 passed, 0 failed, 1 skipped');
  process.exitCode = 3;
}

function chosen(): readonly Check[] {
  const { only, short, long, minutes } = values;
  const complete = (world: World): Check => ({ ...world, search: 'complete', macros: world.defines });
  const small = short ? shortWorlds : [...shortWorlds, ...moreWorlds];
  const all: readonly Check[] = long
    ? largeWorlds.map((world) => ({ ...complete(world), search: { minutes: Number(minutes) } }))
    : [
        ...small.map(complete),
        ...missingGuards.map((guard): Check => {
          const macros = [...guard.defines, ...guard.off];
          return { ...guard, search: 'first', macros };
        }),
      ];
  return all.filter(({ model }) => only === undefined || only.split(',').includes(model));
}

/** @returns how many checks were a surprise. */
async function checkAll(checks: readonly Check[]): Promise<number> {
  const since = performance.now();
  const waiting = checks.entries();
  let failed = 0;
  say(`${'model'.padEnd(16)}${'world'.padEnd(52)}${'states'.padStart(10)}${'depth'.padStart(7)}   s`);
  const lane = async (): Promise<void> => {
    for (const [, check] of waiting) {
      // oxlint-disable-next-line no-await-in-loop -- two searches at a time.
      const searched = await searchModel(check.model, check.macros, check.search);
      const surprise = surpriseOf(check, searched);
      if (surprise !== '') failed += 1;
      report(check, searched, surprise);
    }
  };
  await Promise.all([lane(), lane()]);
  say(`in ${Math.round((performance.now() - since) / 1000)} s`);
  say(`${checks.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed;
}

/** @returns what was not expected; '' if all was. */
function surpriseOf({ search }: Check, { errors, error, cut }: Searched): string {
  if (search === 'first') return errors > 0 ? '' : 'nothing misses this guard';
  return cut !== '' ? cut : errors > 0 ? `violated: ${error}` : '';
}

function report(check: Check, searched: Searched, surprise: string): void {
  const { states, depth, seconds, hashFactor, trail } = searched;
  const { model, name, search } = check;
  const found = search === 'first' && surprise === '' ? '  counterexample' : '';
  const factor = hashFactor === undefined ? '' : `  hash factor ${hashFactor}`;
  const figures = `${String(states).padStart(10)}${String(depth).padStart(7)} ${seconds.toFixed(1).padStart(5)}`;
  say(
    `${model.padEnd(16)}${name.padEnd(52)}${figures}${found}${factor}${surprise === '' ? '' : `  ${surprise}`}`,
  );
  const isWanted = values.trail || (surprise !== '' && search !== 'first');
  if (isWanted && trail !== '') say(trail);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
