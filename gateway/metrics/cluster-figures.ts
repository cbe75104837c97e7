import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { WorkerNumbersView } from '#shared/contract/api/replicas.ts';
import type { GatewayReport } from '#shared/contract/gateway-report.ts';
import type { Logger } from '#shared/process/logger.ts';
import { readCallbackDepths } from '#shared/store/callbacks/callback-depths.ts';
import type { CallbackDepths } from '#shared/store/callbacks/callback-depths.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import { countDeadLetters } from '#shared/store/records/dead-letter-count.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { AutoscaleStore } from '#shared/store/ring/autoscale-store.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import { GatewayRegistry } from '#shared/store/ring/gateway-registry.ts';
import { LeaderLease } from '#shared/store/ring/leader-lease.ts';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { Published } from '#shared/store/ring/published-status.ts';

type Depths = Awaited<ReturnType<QueueDepths['readAll']>>;

/** What Redis knows of all replicas, gateways and controllers. */
export interface ClusterFigures {
  /** When it was read, in ms since the epoch, in Redis time. */
  readonly at: number;
  /** Of each replica that is desired or retired. */
  readonly replicas: readonly string[];
  readonly depths: Depths;
  readonly workers: ReadonlyMap<string, WorkerNumbersView>;
  readonly status: Published;
  readonly autoscale: AutoscaleView;
  readonly reports: readonly GatewayReport[];
  /** The name of the controller that leads. */
  readonly leader: string | undefined;
  readonly counts: ReadonlyMap<string, number>;
  readonly deadLetters: number;
  readonly callbacks: CallbackDepths;
}

/** How long what was read is good for, in ms. */
const cachedMs = 1000;

/** Reads the figures in one round trip, at most once a second. */
export class ClusterFiguresReader {
  readonly #connection: Connection;
  readonly #replicas: () => readonly string[];
  readonly #depths: QueueDepths;
  readonly #leases: LeaseReader;
  readonly #registry: GatewayRegistry;
  readonly #leader: LeaderLease;
  readonly #status: PublishedStatus;
  readonly #autoscale: AutoscaleStore;
  #read: Promise<ClusterFigures | undefined> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  /**
   * @param connection a fail-fast connection.
   * @param replicas returns the names of all replicas.
   */
  constructor(connection: Connection, replicas: () => readonly string[], log: Logger) {
    this.#connection = connection;
    this.#replicas = replicas;
    this.#depths = new QueueDepths(connection, log);
    this.#leases = new LeaseReader(connection);
    this.#registry = new GatewayRegistry(connection, log);
    this.#leader = new LeaderLease(connection, log);
    this.#status = new PublishedStatus(connection, log);
    this.#autoscale = new AutoscaleStore(connection, log);
  }

  /** @returns the figures; undefined if Redis does not answer. */
  read(): Promise<ClusterFigures | undefined> {
    const now = performance.now();
    if (this.#read === undefined || now - this.#readAt >= cachedMs) {
      this.#readAt = now;
      this.#read = this.#readNow().catch(() => undefined);
    }
    return this.#read;
  }

  async #readNow(): Promise<ClusterFigures> {
    const connection = this.#connection;
    const replicas = this.#replicas();
    // ioredis sends what is asked for in one turn of the event loop together.
    const [depths, workers, status, autoscale, reports, holder, counts, deadLetters, callbacks] =
      await Promise.all([
        this.#depths.readAll(replicas),
        this.#leases.readNumbers(replicas),
        this.#status.read(),
        this.#autoscale.read(),
        this.#registry.readAll(),
        this.#leader.holder(),
        countsOf(connection).readAll(),
        countDeadLetters(connection),
        readCallbackDepths(connection),
      ]);
    const leader = holder?.replace(/#\d+$/, '');
    const at = clockOf(connection).now();
    return {
      at,
      replicas,
      depths,
      workers,
      status,
      autoscale,
      reports,
      leader,
      counts,
      deadLetters,
      callbacks,
    };
  }
}
