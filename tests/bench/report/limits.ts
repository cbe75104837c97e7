import { short } from '../numbers.ts';
import type { MeasuredKind } from './kinds.ts';
import { paragraphs, table } from './table.ts';

const microseconds = 1_000_000;
type Limited = 'gateway' | 'worker' | 'store';

/** The section on limits, computed from the costs under the highest load, and what to do at each. */
export function limits(kinds: readonly MeasuredKind[], ours: string): string {
  const costs = kinds.flatMap(({ title, measured }) => {
    const count = measured.connections.at(-1);
    const of = (role: Limited): number | undefined =>
      count === undefined ? undefined : measured.of(ours, count, ({ cpu }) => cpu[role])?.median;
    return of('gateway') === undefined ? [] : [{ title: `${title}, c=${count}`, of }];
  });
  if (costs.length === 0) return '';
  const row = (what: string, role: Limited, remedy: string): string[] => [
    what,
    ...costs.flatMap(({ of }) => {
      const µs = of(role) ?? Number.NaN;
      return [short(µs), short(microseconds / µs)];
    }),
    remedy,
  ];
  return paragraphs(
    `A gateway, a worker and Redis each use at most one processor. With one processor each, an empty handler
and the costs of ${ours} with the most connections, these are the limits:`,
    table(
      [
        'bottleneck',
        ...costs.flatMap(({ title }) => [`${title}: µs per request`, 'max requests/s']),
        'what to do',
      ],
      [
        row(
          'a gateway',
          'gateway',
          'more gateways: `ROLE=gateway`, `docker compose up --scale gateway=3`, ' +
            'any TCP balancer in front',
        ),
        row(
          'a worker',
          'worker',
          'more replicas: `/add`; each owns its share of the keys. ' +
            'The time that a handler computes comes on top',
        ),
        row(
          'Redis',
          'store',
          'another Redis with its own gateways and replicas, since a `NAMESPACE` lives on one Redis',
        ),
      ],
    ),
    `A handler that waits reaches \`CONCURRENCY\` (100 requests per replica) first: with a handler of 200 ms,
a replica finishes 500 requests/s. Further requests wait, up to \`QUEUE_LIMIT\` (10000 per replica, then 503)
and the memory of Redis, which evicts nothing. A single key cannot be spread: its limit is that of one
replica. [scale.md](scale.md) says what changes with the number of replicas and gateways.`,
  );
}
