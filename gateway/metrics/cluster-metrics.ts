import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { deathReasons, redeliveryCauses } from '#shared/contract/cluster-counts.ts';
import { autoscaleCounters, autoscaleGauges } from './autoscale-metrics.ts';
import { ejectionCauses } from '#shared/contract/ejection.ts';
import type { ClusterFigures } from './cluster-figures.ts';

/** A metric of the whole system: the same at each gateway. */
export interface ClusterMetric {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** @returns its values, each with the values of its labels. */
  readonly values: (figures: ClusterFigures) => Iterable<readonly [readonly string[], number]>;
}

/** Gauges of replicas. A replica that is gone has no series. */
const ofReplicas: readonly ClusterMetric[] = [
  {
    name: 'ringpost_queue_depth',
    help: 'Requests in the queue of a replica, by state',
    labels: ['replica', 'state'],
    *values({ depths }) {
      for (const [replica, { waiting, active, streams, delayed, prioritized }] of depths)
        for (const [state, count] of Object.entries({ waiting, active, streams, delayed, prioritized }))
          yield [[replica, state], count];
    },
  },
  {
    name: 'ringpost_queue_oldest_seconds',
    help: 'How long the oldest waiting request of a replica has waited; 0 if none waits',
    labels: ['replica'],
    *values({ at, depths }) {
      for (const [replica, { oldestAt }] of depths)
        yield [[replica], oldestAt === undefined ? 0 : Math.max(0, at - oldestAt) / 1000];
    },
  },
  {
    name: 'ringpost_lease_remaining_seconds',
    help: 'Time until the lease on the queue of a replica runs out; 0 without a lease',
    labels: ['replica'],
    *values({ depths }) {
      for (const [replica, { leaseMs = 0 }] of depths) yield [[replica], leaseMs / 1000];
    },
  },
  {
    name: 'ringpost_replica_state',
    help: 'The state of each replica, as the leading controller sees it; the value is always 1',
    labels: ['replica', 'state'],
    *values({ replicas, status }) {
      for (const replica of replicas) {
        const state = status.of(replica)?.state;
        if (state !== undefined) yield [[replica, state], 1];
      }
    },
  },
  {
    name: 'ringpost_worker_resident_bytes',
    help: 'Resident memory of the process of the worker of a replica',
    labels: ['replica'],
    *values({ workers }) {
      for (const [replica, { rssBytes }] of workers) yield [[replica], rssBytes];
    },
  },
  {
    name: 'ringpost_worker_heap_bytes',
    help: 'Used heap of the main thread of the worker of a replica',
    labels: ['replica'],
    *values({ workers }) {
      for (const [replica, { heapBytes }] of workers) yield [[replica], heapBytes];
    },
  },
  {
    name: 'ringpost_worker_event_loop_lag_seconds',
    help: 'Delay of the event loop of the worker of a replica in the last second, 99th percentile',
    labels: ['replica'],
    *values({ workers }) {
      for (const [replica, { eventLoopLagMs }] of workers) yield [[replica], eventLoopLagMs / 1000];
    },
  },
  {
    name: 'ringpost_worker_info',
    help: 'The version of the worker of a replica; the value is always 1',
    labels: ['replica', 'version'],
    *values({ workers }) {
      for (const [replica, { version }] of workers) yield [[replica, version], 1];
    },
  },
];

/** Gauges of processes, and of the system as a whole. */
const ofProcesses: readonly ClusterMetric[] = [
  {
    name: 'ringpost_gateway_info',
    help: 'Each process with a gateway or a controller; the value is always 1',
    labels: ['gateway', 'role', 'version'],
    *values({ reports }) {
      for (const { name, role, version } of reports) yield [[name, role, version], 1];
    },
  },
  {
    name: 'ringpost_gateway_resident_bytes',
    help: 'Resident memory of a process with a gateway or a controller',
    labels: ['gateway'],
    *values({ reports }) {
      for (const { name, rssBytes } of reports) yield [[name], rssBytes];
    },
  },
  {
    name: 'ringpost_gateway_heap_bytes',
    help: 'Used heap of a process with a gateway or a controller',
    labels: ['gateway'],
    *values({ reports }) {
      for (const { name, heapBytes } of reports) yield [[name], heapBytes];
    },
  },
  {
    name: 'ringpost_gateway_event_loop_lag_seconds',
    help: 'Delay of the event loop of a gateway or a controller in the last two seconds, 99th percentile',
    labels: ['gateway'],
    *values({ reports }) {
      for (const { name, eventLoopLagMs } of reports) yield [[name], eventLoopLagMs / 1000];
    },
  },
  {
    name: 'ringpost_leader',
    help: 'The controller that leads; the value is always 1',
    labels: ['controller'],
    *values({ leader }) {
      if (leader !== undefined) yield [[leader], 1];
    },
  },
  {
    name: 'ringpost_dead_letters',
    help: 'Dead letters that are kept',
    labels: [],
    *values({ deadLetters }) {
      yield [[], deadLetters];
    },
  },
  {
    name: 'ringpost_callbacks',
    help: 'Callbacks that are not delivered yet, by state',
    labels: ['state'],
    *values({ callbacks }) {
      for (const [state, count] of Object.entries(callbacks)) yield [[state], count];
    },
  },
];

/** Counters that all processes share. */
const counters: readonly ClusterMetric[] = [
  {
    name: 'ringpost_redeliveries_total',
    help: 'Requests that were delivered once more, by cause',
    labels: ['cause'],
    *values({ counts }) {
      for (const cause of redeliveryCauses) yield [[cause], counts.get(`redeliveries:${cause}`) ?? 0];
    },
  },
  {
    name: 'ringpost_worker_deaths_total',
    help: 'Workers that ended unexpectedly, by reason',
    labels: ['reason'],
    *values({ counts }) {
      for (const reason of deathReasons) yield [[reason], counts.get(`deaths:${reason}`) ?? 0];
    },
  },
  {
    name: 'ringpost_losses_total',
    help: 'Requests that were running when their worker died unexpectedly',
    labels: [],
    *values({ counts }) {
      yield [[], counts.get('losses') ?? 0];
    },
  },
  {
    name: 'ringpost_convictions_total',
    help: 'Requests that are never run again since they killed their workers',
    labels: [],
    *values({ counts }) {
      yield [[], counts.get('convictions') ?? 0];
    },
  },
  {
    name: 'ringpost_adoptions_total',
    help: 'Queues that a worker of another replica has adopted',
    labels: [],
    *values({ counts }) {
      yield [[], counts.get('adoptions') ?? 0];
    },
  },
  {
    name: 'ringpost_key_waits_total',
    help: 'Requests that waited since as many requests of their key ran as may',
    labels: [],
    *values({ counts }) {
      yield [[], counts.get('keyWaits') ?? 0];
    },
  },
  {
    name: 'ringpost_stream_resumes_total',
    help: 'Kept streams that another run of their request went on with',
    labels: [],
    *values({ counts }) {
      yield [[], counts.get('resumes') ?? 0];
    },
  },
  {
    name: 'ringpost_outlier_ejections_total',
    help: 'Replicas that outlier detection has ejected, by reason',
    labels: ['reason'],
    *values({ counts }) {
      for (const cause of ejectionCauses) yield [[cause], counts.get(`ejections:${cause}`) ?? 0];
    },
  },
  {
    name: 'ringpost_outlier_failed_probes_total',
    help: 'Probes of ejected replicas that failed',
    labels: [],
    *values({ counts }) {
      yield [[], counts.get('failed_probes') ?? 0];
    },
  },
];

/**
 * Adds the metrics of the whole system. They are read from Redis when they are asked for. If Redis does not
 * answer, they are left out.
 * @param read returns the figures; undefined if Redis does not answer.
 */
export function registerClusterMetrics(
  registry: Registry,
  read: () => Promise<ClusterFigures | undefined>,
): void {
  const registers = [registry];
  for (const { labels: labelNames, name, help, values } of [
    ...ofReplicas,
    ...ofProcesses,
    ...autoscaleGauges,
  ]) {
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const figures = await read();
        gauge.reset();
        if (figures === undefined && labelNames.length === 0) gauge.remove();
        if (figures === undefined) return;
        for (const [of, value] of values(figures)) gauge.labels(...of).set(value);
      },
    });
  }
  for (const { labels: labelNames, name, help, values } of [...counters, ...autoscaleCounters]) {
    const counter = new Counter({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const figures = await read();
        counter.reset();
        if (figures === undefined && labelNames.length === 0) counter.remove();
        if (figures === undefined) return;
        for (const [of, value] of values(figures)) counter.labels(...of).inc(value);
      },
    });
  }
  const up = new Gauge({
    name: 'ringpost_redis_up',
    help: 'Whether Redis answered this gateway when the metrics were read',
    registers,
    async collect() {
      up.set((await read()) === undefined ? 0 : 1);
    },
  });
}
