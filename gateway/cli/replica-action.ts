import type { Command } from 'commander';
import type { ReplicaAction } from '#shared/client/operator-client.ts';
import type { Context } from './context.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { shownNames } from './shown.ts';

/** Makes a command that asks one thing of some replicas. */
export function defineAction(
  command: Command,
  context: Context,
  action: ReplicaAction,
  description: string,
  said: (names: string) => string,
): Command {
  return withGatewayOptions(command.argument('<names...>', 'names of replicas'))
    .description(description)
    .action((names: readonly string[], options: GatewayOptions) =>
      actOnEach(names, action, options, context, said),
    );
}

/** Asks one replica after the other. The first refusal ends it; the ones before stay asked. */
export async function actOnEach(
  names: readonly string[],
  action: ReplicaAction,
  options: GatewayOptions,
  context: Context,
  said: (names: string) => string,
): Promise<void> {
  const { adminSide, operator } = gatewaySides(options, context);
  // It fails if this is not the admin side of a gateway. The call would then go to the user's app.
  await adminSide.ring();
  const replicas: string[] = [];
  let hold: string | null = null;
  for (const name of names) {
    const view = await operator.act(name, action);
    replicas.push(...view.replicas);
    ({ hold } = view);
  }
  context.output.show({ replicas, hold }, () => [said(shownNames(replicas))]);
}
