import { short } from '../../bench/numbers.ts';
import { table } from '../../bench/report/table.ts';
import type { Idle, Size } from './measure.ts';

export const begin = '<!-- scale: made by `npm run simulate -- scale` -->';
export const end = '<!-- /scale -->';

/** What was measured. */
export interface Measured {
  /** One of a few processes; undefined if none was measured. */
  readonly worker: Idle | undefined;
  /** By how many there are, ascending: without processes, so that only what Redis does counts. */
  readonly workers: readonly (readonly [count: number, idle: Idle])[];
  /** By the number of replicas, ascending. */
  readonly sizes: readonly Size[];
}

const idleColumns = [
  'commands/s',
  'Redis, ms/s',
  'kB/s to Redis',
  'kB/s from Redis',
  'own processor time, ms/s',
  'connections',
  'memory, MB',
];

const numbersOf = (idle: Idle): string[] =>
  [idle.commands, idle.redisMs, idle.kBIn, idle.kBOut, idle.ownMs, idle.connections, idle.mb].map(short);

/** @returns the gateways of a size that were measured, without none. */
const gatewaysOf = ({ gateways }: Size): (readonly [number, Idle])[] =>
  gateways.filter(([count]) => count > 0);

/** @returns the cost of one more gateway: between the least and the most that were measured. */
function perGateway(size: Size): Idle {
  const measured = gatewaysOf(size);
  const [first, last] = [measured[0], measured.at(-1)];
  if (first === undefined || last === undefined) throw new Error('no gateway was measured');
  const [fewest, least] = first;
  const [most, largest] = last;
  const slope = (of: (idle: Idle) => number): number =>
    fewest === most ? of(least) / fewest : (of(largest) - of(least)) / (most - fewest);
  return {
    commands: slope(({ commands }) => commands),
    redisMs: slope(({ redisMs }) => redisMs),
    kBIn: slope(({ kBIn }) => kBIn),
    kBOut: slope(({ kBOut }) => kBOut),
    ownMs: slope(({ ownMs }) => ownMs),
    connections: slope(({ connections }) => connections),
    mb: slope(({ mb }) => mb),
  };
}

const nothing: Idle = {
  commands: 0,
  redisMs: 0,
  kBIn: 0,
  kBOut: 0,
  ownMs: 0,
  connections: 0,
  mb: 0,
};

/** @returns a worker among many: what it costs Redis is less than that of one that is alone. */
function amongMany({ worker = nothing, workers }: Measured): Idle {
  const [count, idle] = workers.at(-1) ?? [1, worker];
  const { commands, redisMs, kBIn, kBOut } = idle;
  const each = {
    commands: commands / count,
    redisMs: redisMs / count,
    kBIn: kBIn / count,
    kBOut: kBOut / count,
  };
  return { ...worker, ...each };
}

/** @returns what is made anew by each run, in Markdown. */
export function tables(measured: Measured): string {
  const { worker = nothing, workers, sizes } = measured;
  const together = idleColumns.slice(0, 4);
  return [
    '### Idle processes',
    table(
      ['process', ...idleColumns],
      [
        ['a worker among few', ...numbersOf(worker)],
        ['a worker among many', ...numbersOf(amongMany(measured))],
        ...sizes.map((size) => [`a controller, ${size.replicas} replicas`, ...numbersOf(size.controller)]),
        ...sizes.map((size) => [
          `one more gateway, ${size.replicas} replicas`,
          ...numbersOf(perGateway(size)),
        ]),
      ],
    ),
    '### Idle workers together',
    table(
      ['workers', ...together],
      workers.map(([count, idle]) => [String(count), ...numbersOf(idle).slice(0, 4)]),
    ),
    '### Idle gateways together',
    table(
      ['replicas', 'gateways', ...idleColumns],
      sizes.flatMap((size) =>
        gatewaysOf(size).map(([count, idle]) => [String(size.replicas), String(count), ...numbersOf(idle)]),
      ),
    ),
    '### What a look at the system costs',
    table(
      ['replicas', 'path', 'kB', 'time in ms', 'commands', 'Redis, ms'],
      sizes.flatMap(({ replicas, pages }) =>
        pages.map(({ path, kB, ms, commands, redisMs }) => [
          String(replicas),
          `\`${path}\``,
          ...[kB, ms, Math.round(commands), redisMs].map(short),
        ]),
      ),
    ),
    '### A reply that is read alone',
    table(
      ['replicas', 'Redis, µs', 'gateway, µs', 'bytes to Redis', 'replies/s that Redis can give'],
      sizes.map(({ replicas, reply }) => [
        String(replicas),
        ...[reply.redisUs, reply.gatewayUs, Math.round(reply.bytesIn)].map(short),
        short(Math.round(1e6 / reply.redisUs / 100) * 100),
      ]),
    ),
    '### Sizing',
    sizing(amongMany(measured), sizes),
  ].join('\n\n');
}

/** What a gateway reads of the report of each gateway, in kB per second. */
const reportKb = 0.8 / 2;

function sizing(worker: Idle, sizes: readonly Size[]): string {
  const columns = [
    'replicas',
    'gateways',
    'idle commands/s',
    'of one processor of Redis',
    'MB/s from Redis',
    'connections',
    'memory of Redis, MB',
    'memory of workers, GB',
    'memory of gateways, GB',
  ];
  const rows = sizes.flatMap((size) =>
    [1, 10, 100].map((gateways) => {
      const gateway = perGateway(size);
      const sum = (of: (idle: Idle) => number): number =>
        size.replicas * of(worker) + gateways * of(gateway) + of(size.controller);
      const share = sum(({ redisMs }) => redisMs) / 10;
      return [
        String(size.replicas),
        String(gateways),
        String(Math.round(sum(({ commands }) => commands))),
        `${short(share)} %`,
        short((sum(({ kBOut }) => kBOut) + gateways ** 2 * reportKb) / 1000),
        String(Math.round(sum(({ connections }) => connections))),
        short(size.redisMb),
        short((size.replicas * worker.mb) / 1000),
        short((gateways * gateway.mb) / 1000),
      ];
    }),
  );
  return table(columns, rows);
}

/** @returns the document with the tables between its markers. */
export function withTables(document: string, text: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the document has no place for the tables (${begin} … ${end})`);
  return `${document.slice(0, from)}${begin}\n\n${text}\n\n${document.slice(to)}`;
}
