import type { DeadLetterSelection, RingpostClient } from '#shared/client/client.ts';
import type { RedrivenView } from '#shared/contract/views.ts';
import type { Context } from './context.ts';
import { exitCodes, usage } from './failure.ts';
import type { ExitCode } from './failure.ts';
import { upToNewest } from './dlq-selection.ts';
import { gatewaySides } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { shownText } from './shown.ts';

export interface RedriveOptions extends GatewayOptions {
  /** `name: value`. */
  readonly header?: readonly string[];
  readonly without?: readonly string[];
  /** `name=value`. */
  readonly query?: readonly string[];
}

type Values = Readonly<Record<string, string | null>>;

/**
 * `ringpost dlq redrive`.
 * @param which the id of one letter, or a filter.
 * @returns the exit code: `failed` if letters were refused; the others were redriven.
 */
export async function redrive(
  which: string | DeadLetterSelection,
  options: RedriveOptions,
  context: Context,
): Promise<ExitCode> {
  const { header = [], without = [], query: parameters = [] } = options;
  const headers: Values = {
    ...Object.fromEntries(without.map((name) => [name, null])),
    ...valuesOf('--header', header, ':', "'x-api-key: …'"),
  };
  const query = valuesOf('--query', parameters, '=', 'name=value');
  const { adminSide } = gatewaySides(options, context);
  const { redriven, refused } =
    typeof which === 'string'
      ? {
          redriven: [{ letter: which, request: await adminSide.redrive(which, headers, { query }) }],
          refused: [],
        }
      : await redriveAll(adminSide, which, { headers, query });
  context.output.show({ redriven, refused }, () => [
    ...redriven.map(({ letter, request }) => `${letter} runs again as ${request}`),
    ...refused.map(({ letter, detail }) => context.output.paint.bad(`${letter} stays: ${shownText(detail)}`)),
    `Redriven ${redriven.length}, refused ${refused.length}.`,
  ]);
  return refused.length > 0 ? exitCodes.failed : exitCodes.ok;
}

/** Letters that are refused stay, so that the next call finds them again. */
async function redriveAll(
  client: RingpostClient,
  filter: DeadLetterSelection,
  given: { readonly headers: Values; readonly query: Values },
): Promise<Omit<RedrivenView, 'more'>> {
  const redriven: RedrivenView['redriven'][number][] = [];
  const refused = new Map<string, RedrivenView['refused'][number]>();
  const selection = await upToNewest(client, filter);
  for (let more = selection !== undefined; more;) {
    const step = await client.redriveDeadLetters(selection ?? filter, given);
    redriven.push(...step.redriven);
    for (const each of step.refused) refused.set(each.letter, each);
    more = step.more && step.redriven.length > 0;
  }
  return { redriven, refused: [...refused.values()] };
}

/** Reads `name: value` or `name=value`. No value is repeated in an error. */
function valuesOf(option: string, texts: readonly string[], separator: string, example: string): Values {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf(separator);
      if (at < 1) throw usage(`${option} has no name and value; write ${example}`);
      return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    }),
  );
}
