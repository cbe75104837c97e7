import type { Command } from 'commander';
import type { Context } from './context.ts';
import { dryRunHelp, showPlan } from './dry-run.ts';
import { usage } from './failure.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { shownText } from './shown.ts';

/** `ringpost weight <name> <weight>`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withGatewayOptions(
    command.argument('<name>', 'name of a replica').argument('<weight>', 'a whole number from 1, e.g. 2'),
  )
    .description(
      'Change the weight of a replica: its part of the keys, relative to the others. Only keys between it ' +
        'and others move, and requests that wait stay where they are.',
    )
    .option('--dry-run', dryRunHelp)
    .action(async (name: string, text: string, options: GatewayOptions & { readonly dryRun?: true }) => {
      if (!/^\d{1,4}$/.test(text))
        throw usage(`the weight is ${JSON.stringify(text)}; it must be a whole number`);
      if (options.dryRun) {
        await showPlan({ weight: [`${name}:${text}`] }, options, context);
        return;
      }
      const { adminSide, operator } = gatewaySides(options, context);
      // It fails if this is not the admin side of a gateway. The call would then go to the user's app.
      await adminSide.ring();
      const changed = await operator.weigh(name, Number(text));
      output.show(changed, () => [`${shownText(name)} has the weight ${changed.weight} now.`]);
    });
}
