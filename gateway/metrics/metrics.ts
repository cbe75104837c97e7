import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { ProblemCode } from '#shared/contract/errors.ts';
import { ownVersion } from '#shared/process/own-version.ts';
import { isOut } from '#shared/contract/ejection.ts';
import { sharesOf } from '#shared/ring/shares.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { movedAside } from '#shared/store/repair/aside.ts';
import type { EndCounter } from '../http/request-ends.ts';
import type { RequestNotes } from '../http/request-notes.ts';
import type { Side } from '../http/sides.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { ClusterFigures } from './cluster-figures.ts';
import { registerClusterMetrics } from './cluster-metrics.ts';
import { registerLoads, SpillCounter } from './load-metrics.ts';
import type { LoadFigures } from './load-metrics.ts';
import { TimesByReplica } from './replica-times.ts';
import type { ReplicaTimes, TimeBuckets } from './replica-times.ts';
import { registerStreamMetrics } from './stream-metrics.ts';
import type { KeptFigures, StreamFigures } from './stream-metrics.ts';
import { TimeHistogram } from './time-histogram.ts';

/** Figures of clients, read when the metrics are asked for. */
export interface ClientFigures {
  readonly heldBytes: () => number;
  readonly slowClients: () => number;
  readonly refusedConnections: () => number;
}

type Mode = 'wait' | 'async';

/** The metrics of `/-/metrics`, in the Prometheus format. */
export class Metrics implements EndCounter {
  readonly registry = new Registry();
  /** What was counted of each replica. */
  readonly times = new TimesByReplica();
  readonly #requests = new Counter({
    name: 'ringpost_requests_total',
    help: 'Dispatched requests that have ended, by status (499: the client left), problem and mode',
    labelNames: ['code', 'reason', 'mode'] as const,
    registers: [this.registry],
  });
  /** Of answers of replicas to clients that wait, by status: finding one by its labels costs more. */
  readonly #answered: (Counter.Internal | undefined)[] = [];
  readonly #calls = new Counter({
    name: 'ringpost_calls_total',
    help: "Calls of the gateway's own paths that have ended, by whose they are and problem or status",
    labelNames: ['side', 'result'] as const,
    registers: [this.registry],
  });

  #isThere: (replica: string) => boolean = () => true;
  readonly #spills = new SpillCounter(this.registry, (replica) => this.#isThere(replica));

  constructor() {
    const histogram = (name: string, help: string, bucketsOf: (times: ReplicaTimes) => TimeBuckets): void => {
      // oxlint-disable-next-line no-new -- it registers itself
      new TimeHistogram({ name, help, registry: this.registry, all: () => this.times.all, bucketsOf });
    };
    histogram(
      'ringpost_request_seconds',
      'Time from the head of a dispatched request to the end of its answer',
      ({ total }) => total,
    );
    histogram(
      'ringpost_queue_wait_seconds',
      'Time from the acceptance of a request to the call of its handler',
      ({ wait }) => wait,
    );
    histogram('ringpost_service_seconds', 'How long the handler ran', ({ service }) => service);
    histogram(
      'ringpost_first_byte_seconds',
      'Time from the head of a dispatched request to the head of its answer, for streams',
      ({ firstByte }) => firstByte,
    );
  }

  called(side: Side, result: string): void {
    this.#calls.inc({ side, result });
  }

  begun(ms: number, { outcome }: RequestNotes): void {
    this.times.countFirstByte(outcome?.replica, ms);
  }

  dispatched(
    status: number,
    code: ProblemCode | undefined,
    ms: number | undefined,
    notes: RequestNotes | undefined,
  ): void {
    const mode = notes?.request?.preference.respondAsync === true ? 'async' : 'wait';
    this.#counterOf(status, code, mode).inc();
    const outcome = notes?.outcome;
    if (outcome?.spilledFrom !== undefined && outcome.replica !== undefined) {
      this.#spills.count(outcome.spilledFrom, outcome.replica);
      this.times.countSpill(outcome.spilledFrom, outcome.replica);
    }
    this.times.count(outcome?.replica, status >= 500 || code !== undefined, ms, outcome?.ran);
  }

  #counterOf(status: number, code: ProblemCode | undefined, mode: Mode): Counter.Internal {
    if (code !== undefined || mode === 'async') return this.#find(status, code ?? '-', mode);
    return (this.#answered[status] ??= this.#find(status, '-', mode));
  }

  #find(status: number, reason: string, mode: Mode): Counter.Internal {
    return this.#requests.labels({ code: String(status), reason, mode });
  }

  /** Adds the figures that are read when the metrics are asked for. */
  observe(
    dispatcher: Pick<Dispatcher, 'waitingCount' | 'unclaimedCount'>,
    watcher: Pick<RingWatcher, 'ring' | 'isServed'> & {
      readonly state: Pick<RingState, 'version' | 'ejections'>;
    },
    read: () => Promise<ClusterFigures | undefined>,
  ): void {
    collectDefaultMetrics({ register: this.registry });
    this.#isThere = (replica) => watcher.isServed(replica);
    const gauge = this.#gauge.bind(this);
    gauge('ringpost_waiting_requests', 'Requests whose answer is waited for', () => dispatcher.waitingCount);
    gauge(
      'ringpost_unclaimed_replies',
      'Replies that no client was still waiting for',
      () => dispatcher.unclaimedCount,
    );
    gauge('ringpost_moved_aside', 'Garbled data in Redis that this process has moved aside', movedAside);
    gauge('ringpost_ring_replicas', 'Replicas in the ring', () => watcher.ring.members.length);
    gauge(
      'ringpost_outlier_ejections_active',
      'Replicas that outlier detection keeps out of the ring',
      () => [...watcher.state.ejections.values()].filter(isOut).length,
    );
    gauge('ringpost_ring_version', 'Version of the ring', () => watcher.state.version);
    this.#observeShares(watcher);
    new Gauge({
      name: 'ringpost_build_info',
      help: 'The version of this gateway and of its Node.js; the value is always 1',
      labelNames: ['version', 'node'],
      registers: [this.registry],
    })
      .labels(ownVersion, process.version)
      .set(1);
    registerClusterMetrics(this.registry, read);
  }

  /** Adds the loads of replicas. */
  observeLoads(loads: LoadFigures): void {
    registerLoads(this.registry, loads);
  }

  /** Adds the figures of streams. */
  observeStreams(streams: StreamFigures, kept: KeptFigures): void {
    registerStreamMetrics(this.registry, streams, kept);
  }

  /** Adds the figures of clients and their bodies. */
  observeClients(now: ClientFigures): void {
    this.#gauge('ringpost_held_bytes', 'Bytes of bodies that the gateway holds', now.heldBytes);
    this.#gauge(
      'ringpost_slow_clients_closed',
      'Clients that were disconnected since they took nothing of their answer',
      now.slowClients,
    );
    this.#gauge(
      'ringpost_connections_refused',
      'Connections that were closed at once, beyond MAX_CONNECTIONS',
      now.refusedConnections,
    );
  }

  /** The shares change with the ring only. Replicas that are gone leave with it. */
  #observeShares(watcher: Pick<RingWatcher, 'ring' | 'isServed'>): void {
    let shown: RingWatcher['ring'] | undefined;
    const share = new Gauge({
      name: 'ringpost_ring_share',
      help: 'The part of all keys that a replica owns, from 0 to 1',
      labelNames: ['replica'],
      registers: [this.registry],
      collect: () => {
        this.times.keepOnly((replica) => watcher.isServed(replica));
        if (watcher.ring === shown) return;
        shown = watcher.ring;
        share.reset();
        for (const [replica, part] of sharesOf(shown)) share.labels(replica).set(part);
      },
    });
  }

  /** @param limited returns how many requests a rate of their keys has refused. */
  observeLimits(limited: () => number): void {
    const counter: Counter = new Counter({
      name: 'ringpost_key_rate_limited_total',
      help: 'Requests that were refused because too many with their key came',
      registers: [this.registry],
      collect: () => {
        counter.reset();
        counter.inc(limited());
      },
    });
  }

  /** @param dropped returns how many lines of the access log were dropped. */
  observeAccessLog(dropped: () => number): void {
    this.#gauge(
      'ringpost_access_log_dropped',
      'Lines of the access log that were dropped, because stdout was blocked or closed',
      dropped,
    );
  }

  #gauge(name: string, help: string, value: () => number): Gauge {
    return new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
