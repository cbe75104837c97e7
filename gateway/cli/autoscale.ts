import type { Command } from 'commander';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { Context } from './context.ts';
import { usage } from './failure.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { shownDuration, shownNames, shownText } from './shown.ts';
import { pairs } from './table.ts';

/** `ringpost autoscale [on|off]`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withGatewayOptions(command.argument('[on|off]', 'let it go on, or stop it'))
    .description(
      'Show how many replicas the load wants, and why; let autoscaling go on after `add` or `rm`, or stop it.',
    )
    .action(async (wish: string | undefined, options: GatewayOptions) => {
      if (wish !== undefined && wish !== 'on' && wish !== 'off')
        throw usage(`say on or off, not ${JSON.stringify(wish)}`);
      const { adminSide, operator } = gatewaySides(options, context);
      // It fails if this is not the admin side of a gateway. The call would then go to the user's app.
      await adminSide.ring();
      const view =
        wish === undefined ? await operator.autoscale() : await operator.setAutoscale(wish === 'on');
      output.show(view, () => autoscaleLines(view, Date.now()));
    });
}

/**
 * @param now in ms since the epoch.
 * @returns the lines for people.
 */
export function autoscaleLines(view: AutoscaleView, now: number): string[] {
  const { decision, change } = view;
  if (!view.configured) return ['The leading controller has no AUTOSCALE, so it does not scale.'];
  const ago = (at: number): string => `${shownDuration(now - at)} ago`;
  return pairs([
    ['autoscale', autoscaleState(view)],
    ['wanted', decision === null ? 'not known yet' : String(decision.wanted ?? 'not known')],
    ['replicas', decision === null ? 'not known yet' : String(decision.replicas)],
    ['reason', decision === null ? 'not known yet' : shownText(decision.reason)],
    ...(decision === null || decision.hot.length === 0
      ? []
      : [['hot', `${shownNames(decision.hot.map(shownText))}: more replicas would not help`] as const]),
    [
      'last change',
      change === null
        ? 'none'
        : `${change.direction === 'up' ? 'added' : 'removed'} ` +
          `${shownNames(change.names.map(shownText))} ${ago(change.at)}: ${shownText(change.reason)}`,
    ],
  ]);
}

/** @returns whether it scales, and within which range. */
export function autoscaleState({ enabled, range, stopped }: AutoscaleView): string {
  const within = range === null ? '' : ` (${range.min}..${range.max})`;
  if (enabled) return `on${within}`;
  const by = stopped === null || stopped.by === 'operator' ? 'an operator' : `/${stopped.by}`;
  return `stopped by ${by}${within}; \`ringpost autoscale on\` lets it go on`;
}
