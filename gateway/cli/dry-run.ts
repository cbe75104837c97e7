import type { ChangeQuery } from '#shared/client/operator-client.ts';
import type { PlanView } from '#shared/contract/api/system.ts';
import type { Context } from './context.ts';
import { gatewaySides } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import type { Paint } from './paint.ts';
import { shownText } from './shown.ts';
import { table } from './table.ts';

export const dryRunHelp = 'change nothing; say what would move';

/** Prints what a change would do, and changes nothing. */
export async function showPlan(
  change: ChangeQuery,
  options: GatewayOptions,
  context: Context,
): Promise<void> {
  const { output } = context;
  const plan = await gatewaySides(options, context).operator.plan(change);
  output.show(plan, () => planLines(plan, output.paint));
}

function planLines({ replicas, notes }: PlanView, paint: Paint): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const rows = replicas.map(({ name, shareBefore, shareAfter }) => [
    shownText(name),
    percent(shareBefore),
    percent(shareAfter),
  ]);
  return [...notes.map(shownText), '', ...table(['REPLICA', 'KEYS NOW', 'KEYS AFTER'], rows, paint)];
}
