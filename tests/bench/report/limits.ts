import { short } from '../numbers.ts';
import type { Measured } from '../measured.ts';
import { paragraphs, table } from './table.ts';

const microseconds = 1_000_000;

/** What the limits are, by what the processes cost under the highest load, and what to do at each. */
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
    `A gateway, a worker and Redis each use at most one processor. With a processor for each, and the costs of ${ours} at
c=${count}, these are their limits, with an empty handler:`,
    table(
      ['limit', 'µs for each request', 'requests/s at most', 'what to do'],
      [
        row(
          'a gateway',
          cost('gateway'),
          'more gateways: `ROLE=gateway`, `docker compose up --scale gateway=3`, any TCP balancer in front',
        ),
        row(
          'a worker',
          cost('worker'),
          'more replicas: `/add`; each owns its share of the keys. A handler that computes uses a part of this',
        ),
        row(
          'Redis',
          cost('store'),
          'more Redis nodes: a `NAMESPACE` lives on one Redis, so a second Redis has gateways and replicas of its own',
        ),
      ],
    ),
    `Before any of these, a handler that waits is limited by \`CONCURRENCY\` requests for each replica (100): with a handler of
200 ms, a replica finishes 500 a second. Further requests wait, up to \`QUEUE_LIMIT\` (10000 for each replica, then 503) and
the memory of Redis, which evicts nothing. A single key cannot be spread: its limit is that of its replica.`,
  );
}
