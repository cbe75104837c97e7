import type { Command } from 'commander';
import type { Context } from './context.ts';
import { showPlan } from './dry-run.ts';
import { gatewaySides } from './gateway-options.ts';
import { changeTimeoutMs, serving, stopNote, withChange } from './replica-change.ts';
import type { ChangeOptions } from './replica-change.ts';
import { shownNames } from './shown.ts';

/** `ringpost add [names…]`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withChange(command, 'how many in all; those without a name get a random one (as many as names, or 1)')
    .description('Add replicas, and wait until they are ready.')
    .action(async (names: readonly string[], options: ChangeOptions) => {
      const n = options.count ?? Math.max(1, names.length);
      if (options.dryRun) {
        const unnamed = Array.from({ length: Math.max(0, n - names.length) }, () => '*');
        await showPlan({ add: [...names, ...unnamed] }, options, context);
        return;
      }
      const { adminSide } = gatewaySides(options, context, changeTimeoutMs);
      // It fails if this is not the admin side of a gateway. POST /add would then go to the user's app.
      const ring = await adminSide.ring();
      const before = new Set(serving(ring));
      const replicas = await adminSide.addReplicas(n, names);
      const added = replicas.filter((name) => !before.has(name));
      output.show({ added, replicas }, () => [
        `Added ${shownNames(added)}. The replicas are ${shownNames(replicas)}.`,
        ...stopNote(ring),
      ]);
    });
}
