import type { Command } from 'commander';
import type { Context } from './context.ts';
import { usage } from './failure.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { actOnEach } from './replica-action.ts';
import { shownNames } from './shown.ts';

const said = (names: string): string => `Restarting ${names}. \`ringpost ls\` shows when it is done.`;

/** `ringpost restart <names…>|--all`. */
export function define(command: Command, context: Context): void {
  withGatewayOptions(command.argument('[names...]', 'names of replicas'))
    .description(
      'Replace the workers of replicas. A new worker starts first; then the old one finishes what it runs ' +
        'and ends. No request is lost.',
    )
    .option('--all', 'all replicas, one at a time')
    .action(async (names: readonly string[], options: GatewayOptions & { readonly all?: true }) => {
      if (options.all ? names.length > 0 : names.length === 0)
        throw usage('name the replicas to restart, or give --all');
      if (!options.all) {
        await actOnEach(names, 'restart', options, context, said);
        return;
      }
      const { adminSide, operator } = gatewaySides(options, context);
      // It fails if this is not the admin side of a gateway. The call would then go to the user's app.
      await adminSide.ring();
      const view = await operator.restartAll();
      context.output.show(view, () => [said(shownNames(view.replicas))]);
    });
}
