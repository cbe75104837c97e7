import type { Command } from 'commander';
import type { KeyLoadsView } from '#shared/contract/ring-view.ts';
import type { Context } from './context.ts';
import { Failure } from './failure.ts';
import { gatewaySides, withGatewayOptions } from './gateway-options.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { shownNames, shownText } from './shown.ts';
import { pairs, table } from './table.ts';
import type { Paint } from './paint.ts';

/** `ringpost explain <key>`. */
export function define(command: Command, context: Context): void {
  const { output } = context;
  withGatewayOptions(command.argument('<key>', 'a hash key, e.g. the value of Ringpost-Key'))
    .description('Say which replica owns a key, why, which would own it next, and where it spills to.')
    .action(async (asked: string, options: GatewayOptions) => {
      const { key, replicas } = await gatewaySides(options, context).adminSide.ring(asked);
      if (key === null || key === undefined)
        throw new Failure('no_replica', 'the ring is empty, so no replica owns the key');
      const { virtualNode, position, owner, successors, requests } = key;
      const byItself = replicas.some(({ name, joinedBy }) => name === owner && joinedBy === 'worker');
      const joined = byItself ? ', which joined by itself' : '';
      output.show(key, () => [
        ...pairs([
          ['key', shownText(key.key)],
          ['owner', `${output.paint.bold(shownText(owner))}${joined}`],
          ['position', String(position)],
          [
            'virtual node',
            `${virtualNode.index} of ${shownText(virtualNode.name)} at ${virtualNode.position}`,
          ],
          ['next owners', shownNames(successors.slice(1).map(shownText))],
          ...(requests === undefined
            ? []
            : ([
                ['its requests', `${requests.running} run, ${requests.waiting} wait for their turn`],
              ] as const)),
        ]),
        ...(key.loads === undefined ? [] : loadLines(key.loads, output.paint)),
      ]);
    });
}

function loadLines({ affinity, bound, load, takenBy, candidates }: KeyLoadsView, paint: Paint): string[] {
  const which = affinity === 'loose' ? 'unless a request says strict' : 'unless a request says loose';
  const rows = candidates.map((candidate) => [
    shownText(candidate.name),
    String(candidate.load),
    String(candidate.cap),
    candidate.outcome === 'taken' ? paint.good('taken') : candidate.outcome,
    shownText(candidate.why),
  ]);
  return [
    '',
    ...pairs([
      ['affinity', `${affinity}, ${which}`],
      ['load', `${load} in all; the bound is ${bound}`],
      ['a loose request goes to', paint.bold(shownText(takenBy))],
    ]),
    '',
    ...table(['REPLICA', 'LOAD', 'CAP', 'OUTCOME', 'WHY'], rows, paint),
  ];
}
