import type { Command } from 'commander';
import type { Context } from './context.ts';
import { showPlan } from './dry-run.ts';
import { usage } from './failure.ts';
import { gatewaySides } from './gateway-options.ts';
import { changeTimeoutMs, serving, stopNote, withChange } from './replica-change.ts';
import type { ChangeOptions } from './replica-change.ts';
import { shownNames } from './shown.ts';

/** `ringpost rm [names…]`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withChange(command, 'how many in all; those without a name are chosen at random (as many as names)')
    .description('Remove replicas. They finish the requests that they have.')
    .action(async (names: readonly string[], options: ChangeOptions) => {
      const n = options.count ?? names.length;
      if (n === 0) throw usage('nothing to remove: name replicas, or give a number with -n');
      if (options.dryRun) {
        if (n > names.length)
          throw usage('name all replicas for --dry-run: the others are chosen when they are removed');
        await showPlan({ rm: names }, options, context);
        return;
      }
      const { adminSide } = gatewaySides(options, context, changeTimeoutMs);
      // It fails if this is not the admin side of a gateway. DELETE /rm would then go to the user's app.
      const ring = await adminSide.ring();
      const before = serving(ring);
      const replicas = await adminSide.removeReplicas(n, names);
      const removed = before.filter((name) => !replicas.includes(name));
      output.show({ removed, replicas }, () => [
        `Removed ${shownNames(removed)}. The replicas are ${shownNames(replicas)}.`,
        ...stopNote(ring),
      ]);
    });
}
