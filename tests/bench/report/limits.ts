import { short } from '../numbers.ts';
import type { Measured } from '../measured.ts';
import { paragraphs, table } from './table.ts';

const microseconds = 1_000_000;

/** The section on limits, computed from the costs under the highest load, and what to do at each. */
export function limits(measured: Measured, ours: string): string {
  const count = measured.connections.at(-1);
  if (count === undefined) return '';
  const cost = (role: 'gateway' | 'worker' | 'store'): number =>
    measured.of(ours, count, ({ cpu }) => cpu[role])?.median ?? Number.NaN;
  if (Number.isNaN(cost('gateway'))) return '';
  const row = (what: string, µs: number, remedy: string): string[] => [
    what,
    short(µs),
    short(microseconds / µs),
    remedy,
  ];
  return paragraphs(
    `A gateway, a worker and Redis each use at most one processor. With one processor each, an empty handler
and the costs of ${ours} at c=${count}, these are the limits:`,
    table(
      ['bottleneck', 'µs per request', 'max requests/s', 'what to do'],
      [
        row(
          'a gateway',
          cost('gateway'),
          'more gateways: `ROLE=gateway`, `docker compose up --scale gateway=3`, ' +
            'any TCP balancer in front',
        ),
        row(
          'a worker',
          cost('worker'),
          'more replicas: `/add`; each owns its share of the keys. ' +
            'The time that a handler computes comes on top',
        ),
        row(
          'Redis',
          cost('store'),
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
