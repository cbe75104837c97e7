import type { Command } from 'commander';
import type { Context } from './context.ts';
import { dryRunHelp, showPlan } from './dry-run.ts';
import { withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { actOnEach } from './replica-action.ts';

/** `ringpost drain <names…>`. */
export function define(command: Command, context: Context): void {
  withGatewayOptions(command.argument('<names...>', 'names of replicas'))
    .description(
      'Take replicas out of the ring. Their keys go to others; their workers finish what they hold, and ' +
        'stay until `ringpost resume`.',
    )
    .option('--dry-run', dryRunHelp)
    .action(async (names: readonly string[], options: GatewayOptions & { readonly dryRun?: true }) => {
      if (options.dryRun) await showPlan({ drain: names }, options, context);
      else
        await actOnEach(
          names,
          'drain',
          options,
          context,
          (all) =>
            `Drained ${all}: out of the ring, and finishing what is held. \`ringpost resume\` ends it.`,
        );
    });
}
