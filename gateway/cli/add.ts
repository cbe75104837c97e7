import type { Command } from 'commander';
import type { Context } from './context.ts';
import { showPlan } from './dry-run.ts';
import { usage } from './failure.ts';
import { gatewaySides } from './gateway-options.ts';
import { changeTimeoutMs, serving, stopNote, withChange } from './replica-change.ts';
import type { ChangeOptions } from './replica-change.ts';
import { shownNames } from './shown.ts';

/** `ringpost add [names…]`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withChange(command, 'how many in all; those without a name get a random one (as many as names, or 1)')
    .option('--weight <weight>', 'of each name, e.g. 2, or of some, e.g. S9=2,S10=3 (1)')
    .description('Add replicas, and wait until they are ready.')
    .action(async (names: readonly string[], options: ChangeOptions & { readonly weight?: string }) => {
      const weights = weightsFor(names, options.weight);
      const n = options.count ?? Math.max(1, names.length);
      if (options.dryRun) {
        const unnamed = Array.from({ length: Math.max(0, n - names.length) }, () => '*');
        const named = names.map((name) => (Object.hasOwn(weights, name) ? `${name}:${weights[name]}` : name));
        await showPlan({ add: [...named, ...unnamed] }, options, context);
        return;
      }
      const { adminSide } = gatewaySides(options, context, changeTimeoutMs);
      // It fails if this is not the admin side of a gateway. POST /add would then go to the user's app.
      const ring = await adminSide.ring();
      const before = new Set(serving(ring));
      const replicas = await adminSide.addReplicas(n, names, weights);
      const added = replicas.filter((name) => !before.has(name));
      output.show({ added, replicas }, () => [
        `Added ${shownNames(added)}. The replicas are ${shownNames(replicas)}.`,
        ...stopNote(ring),
      ]);
    });
}

/** @returns the weights that `--weight` gives to names. The gateway says which weights are possible. */
function weightsFor(names: readonly string[], text: string | undefined): Readonly<Record<string, number>> {
  if (text === undefined) return {};
  if (names.length === 0)
    throw usage('--weight is for replicas that are named, e.g. `ringpost add S9 --weight 2`');
  if (/^\d{1,4}$/.test(text)) return Object.fromEntries(names.map((name) => [name, Number(text)]));
  return Object.fromEntries(
    text.split(',').map((item) => {
      const [, name, weight] = /^([^=]+)=(\d{1,4})$/.exec(item.trim()) ?? [];
      if (name === undefined || !names.includes(name))
        throw usage(
          `--weight has ${JSON.stringify(item)}; it must be a whole number, or a name that is added with its ` +
            'weight, e.g. S9=2',
        );
      return [name, Number(weight)];
    }),
  );
}
