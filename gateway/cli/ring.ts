import type { Command } from 'commander';
import type { RingView } from '#shared/contract/ring-view.ts';
import { autoscaleState } from './autoscale.ts';
import type { Context } from './context.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Paint } from './paint.ts';
import { colour } from './replica-list.ts';
import { shownDuration, shownText } from './shown.ts';
import { pairs, table } from './table.ts';

/** `ringpost ring`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withGatewayOptions(command)
    .description('Show the ring: its strategy, its members, the leading controller and the clocks.')
    .action(async (options: GatewayOptions) => {
      const ring = await gatewaySides(options, context).adminSide.ring();
      output.show(ring, () => ringLines(ring, output.paint));
    });
}

function ringLines(ring: RingView, paint: Paint): string[] {
  const { strategy, ...numbers } = ring.parameters;
  const hasUpstreams = ring.replicas.some(({ upstream }) => upstream !== undefined);
  const rows = ring.replicas.map(
    ({ name, state, joined, weight, slowStart, inRing, clockAheadMs, upstream }) => [
      shownText(name),
      colour(state, paint),
      inRing ? 'yes' : 'no',
      String(joined),
      slowStart === undefined ? String(weight) : `${weight} (${Math.round(slowStart.share * 100)} % now)`,
      clockAheadMs === null ? '' : `${clockAheadMs} ms`,
      ...(hasUpstreams ? [shownText(upstream ?? 'none')] : []),
    ],
  );
  const heads = ['REPLICA', 'STATE', 'IN RING', 'JOINED', 'WEIGHT', 'CLOCK AHEAD'];
  return [
    ...pairs([
      ['strategy', strategy],
      ...Object.entries(numbers).map(([name, value]) => [name, String(value)] as const),
      ['version', String(ring.version)],
      ['leader', shownText(ring.leader ?? 'none')],
      ...(ring.autoscale ? [['autoscale', autoscaleState(ring.autoscale)] as const] : []),
      ...(ring.joining
        ? [
            [
              'joining',
              `replicas join with their workers, and leave ${shownDuration(ring.joining.leaveAfterMs)} after ` +
                'these were lost',
            ] as const,
          ]
        : []),
      ['gateway clock', `${ring.clockAheadMs} ms ahead of Redis`],
    ]),
    '',
    ...table(hasUpstreams ? [...heads, 'UPSTREAM'] : heads, rows, paint),
    ...joiningLines(ring, paint),
  ];
}

/** @returns why workers that have announced themselves stand by. */
function joiningLines({ joining }: RingView, paint: Paint): string[] {
  const standingBy = joining?.standingBy ?? [];
  if (standingBy.length === 0) return [];
  const rows = standingBy.map(({ name, reason }) => [shownText(name), shownText(reason)]);
  return ['', ...table(['STANDS BY', 'WHY'], rows, paint)];
}
