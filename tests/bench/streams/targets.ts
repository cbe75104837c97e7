import { summarise } from '../numbers.ts';
import type { Summary } from '../numbers.ts';
import type { RowName, Sample } from './sample.ts';

/** The system whose values are compared. */
export const ours = 'ringpost';
/** The system that most of them are compared with. */
export const peer = 'proxy';
/** Another version of ringpost. */
export const earlier = 'ringpost-before';

/** How a value of ringpost is compared with that of another system in the same round. */
type Comparison = 'difference' | 'ratio';

/** One line of the table: a value, and what is to be reached. */
export interface Target {
  readonly row: RowName;
  readonly what: string;
  /** The name of the value in the samples. */
  readonly value: string;
  /** With what it is compared, and how; undefined: the value itself is what counts. */
  readonly against?: { readonly system: string; readonly by: Comparison };
  /** What has to be reached; undefined: it is only shown. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

const toProxy = { system: peer, by: 'ratio' } as const;
const toEarlier = { system: earlier, by: 'ratio' } as const;

export const targets: readonly Target[] = [
  {
    row: 'first-byte',
    what: 'time to the first byte, one client, p50 in ms',
    value: 'firstByteMs',
    against: { system: peer, by: 'difference' },
    atMost: 1.5,
  },
  {
    row: 'first-byte',
    what: 'the same for plain requests',
    value: 'plainMs',
    against: { system: peer, by: 'difference' },
  },
  {
    row: 'chunks',
    what: '64 streams of 100 chunks/s of 100 B: µs of processor time for a chunk, all processes',
    value: 'cpu',
    against: toProxy,
    atMost: 3,
  },
  { row: 'chunks', what: 'of that, gateway', value: 'cpu_gateway' },
  { row: 'chunks', what: 'of that, workers', value: 'cpu_worker' },
  { row: 'chunks', what: 'of that, Redis', value: 'cpu_store' },
  { row: 'chunks', what: 'chunks per second', value: 'chunksPerS', against: toProxy, atLeast: 0.98 },
  { row: 'chunks', what: 'Redis commands for a chunk', value: 'commands' },
  {
    row: 'idle',
    what: '1,000 idle streams: loss of the rate of ordinary requests in %',
    value: 'lossPercent',
    atMost: 10,
  },
  { row: 'idle', what: 'KB in RAM of the gateway for a stream', value: 'kbRss_gateway', atMost: 40 },
  { row: 'idle', what: 'KB of its heap and buffers', value: 'kbLive_gateway', atMost: 40 },
  { row: 'idle', what: 'KB in RAM of the workers for a stream', value: 'kbRss_worker', atMost: 40 },
  { row: 'idle', what: 'KB of their heaps and buffers', value: 'kbLive_worker', atMost: 40 },
  {
    row: 'large',
    what: '100 MB, one client: MB/s',
    value: 'one_mbPerS',
    against: toProxy,
    atLeast: 0.3,
  },
  {
    row: 'large',
    what: 'eight clients at once: MB/s',
    value: 'eight_mbPerS',
    against: toProxy,
    atLeast: 0.3,
  },
  {
    row: 'large',
    what: 'growth of the gateway in RAM in MB, one client',
    value: 'one_mbRss_gateway',
    atMost: 32,
  },
  { row: 'large', what: 'growth of its heap and buffers', value: 'one_mbLive_gateway', atMost: 32 },
  {
    row: 'large',
    what: 'growth of a worker in RAM in MB, one client',
    value: 'one_mbRss_worker',
    atMost: 32,
  },
  { row: 'large', what: 'growth of its heap and buffers', value: 'one_mbLive_worker', atMost: 32 },
  {
    row: 'large',
    what: 'growth of the gateway in RAM in MB, eight',
    value: 'eight_mbRss_gateway',
    atMost: 32,
  },
  { row: 'large', what: 'growth of its heap and buffers', value: 'eight_mbLive_gateway', atMost: 32 },
  { row: 'large', what: 'growth of a worker in RAM in MB, eight', value: 'eight_mbRss_worker', atMost: 32 },
  { row: 'large', what: 'growth of its heap and buffers', value: 'eight_mbLive_worker', atMost: 32 },
  { row: 'large', what: 'µs of processor time for a MB, one client', value: 'one_cpu', against: toProxy },
  { row: 'plain', what: 'Redis commands for a plain request', value: 'commands', against: toEarlier },
  { row: 'plain', what: 'plain requests per second', value: 'rate', against: toEarlier },
  { row: 'plain', what: 'µs of processor time for a plain request', value: 'cpu', against: toEarlier },
];

/** A target with what was measured for it. */
export interface Reached {
  readonly target: Target;
  readonly own: Summary;
  /** The value of the system that it is compared with. */
  readonly other: Summary | undefined;
  /** Ringpost's value against the other one, computed in each round. */
  readonly compared: Summary | undefined;
  /** Whether the median is within the target; undefined: there is none, or nothing to compare with. */
  readonly met: boolean | undefined;
}

/**
 * @returns what was measured for each target; those without a value of ringpost are left out. A sample with
 *   wrong answers does not count.
 */
export function reached(samples: readonly Sample[]): Reached[] {
  return targets.flatMap((target) => {
    const { row, value, against, atMost, atLeast } = target;
    const of = (system: string): Map<number, number> =>
      new Map(
        samples
          .filter((each) => each.system === system && each.row === row && each.faults.length === 0)
          .flatMap(({ round, values }) => {
            const measured = values[value];
            return measured === undefined ? [] : [[round, measured] as const];
          }),
      );
    const mine = of(ours);
    const own = summarise([...mine.values()]);
    if (own === undefined) return [];
    const theirs = against === undefined ? new Map<number, number>() : of(against.system);
    const compared = summarise(
      [...mine].flatMap(([round, measured]) => {
        const their = theirs.get(round);
        if (their === undefined) return [];
        return against?.by === 'difference' ? measured - their : measured / their;
      }),
    );
    const decisive = against === undefined ? own : compared;
    const hasTarget = atMost !== undefined || atLeast !== undefined;
    const met =
      hasTarget && decisive !== undefined
        ? decisive.median <= (atMost ?? Number.POSITIVE_INFINITY) &&
          decisive.median >= (atLeast ?? Number.NEGATIVE_INFINITY)
        : undefined;
    return [{ target, own, other: summarise([...theirs.values()]), compared, met }];
  });
}
