import type { Command } from 'commander';
import type { Context } from './context.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { listedReplicas, replicaLines } from './replica-list.ts';
import { shownText } from './shown.ts';

/** `ringpost ls`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withGatewayOptions(command)
    .description(
      'List the replicas. Below the table stands why a replica is not ready, with the last lines that ' +
        'its worker wrote to stderr.',
    )
    .action(async (options: GatewayOptions) => {
      const { adminSide, dashboard } = gatewaySides(options, context);
      const ring = await adminSide.ring();
      const { leader, trouble } = ring;
      const replicas = listedReplicas(ring);
      output.show({ replicas, leader, trouble, dashboard }, () => [
        ...replicaLines(replicas, Date.now(), output.paint),
        ...(leader === null ? ['', 'No controller leads now, so nothing starts or replaces replicas.'] : []),
        ...(trouble === null ? [] : ['', output.paint.bad(`The driver cannot act: ${shownText(trouble)}`)]),
        '',
        `Dashboard: ${dashboard}`,
      ]);
    });
}
