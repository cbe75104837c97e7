import fp from 'fastify-plugin';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { movedAside } from '#shared/store/repair/aside.ts';
import type { EndCounter, Purpose } from '../http/request-ends.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { operations } from '../openapi/operations.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';

/** Figures of clients, read when the metrics are asked for. */
export interface ClientFigures {
  readonly heldBytes: () => number;
  readonly slowClients: () => number;
  readonly refusedConnections: () => number;
}

/** The metrics of `/-/metrics`, in the Prometheus format. */
export class Metrics implements EndCounter {
  readonly registry = new Registry();
  readonly #answers = new Counter({
    name: 'ringpost_requests_total',
    help: 'Requests to be dispatched that have ended, by problem code or status; 499: the client left',
    // Not by replica: there is no end of names, and each would stay.
    labelNames: ['result'] as const,
    registers: [this.registry],
  });
  /** By result, of which there are few: finding one by its labels costs as much as counting. */
  readonly #answersBy = new Map<string, Counter.Internal>();
  readonly #calls = new Counter({
    name: 'ringpost_calls_total',
    help: "Calls of the gateway's own paths that have ended, by whose they are and as above",
    labelNames: ['side', 'result'] as const,
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'ringpost_request_seconds',
    help: 'Time from the head of a dispatched request to the end of its answer',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  record(purpose: Purpose, result: string, ms: number | undefined): void {
    if (purpose !== 'dispatch') {
      this.#calls.inc({ side: purpose, result });
      return;
    }
    let answers = this.#answersBy.get(result);
    if (answers === undefined) this.#answersBy.set(result, (answers = this.#answers.labels({ result })));
    answers.inc();
    if (ms !== undefined) this.#seconds.observe(ms / 1000);
  }

  /** Adds the figures that are read when the metrics are asked for. */
  observe(
    dispatcher: Pick<Dispatcher, 'waitingCount' | 'unclaimedCount'>,
    watcher: {
      readonly ring: Pick<RingWatcher['ring'], 'members'>;
      readonly state: Pick<RingWatcher['state'], 'version'>;
    },
  ): void {
    collectDefaultMetrics({ register: this.registry });
    const gauge = this.#gauge.bind(this);
    gauge('ringpost_waiting_requests', 'Requests whose answer is waited for', () => dispatcher.waitingCount);
    gauge(
      'ringpost_unclaimed_replies',
      'Replies that no client was still waiting for',
      () => dispatcher.unclaimedCount,
    );
    gauge('ringpost_moved_aside', 'Garbled data in Redis that this process has moved aside', movedAside);
    gauge('ringpost_ring_replicas', 'Replicas in the ring', () => watcher.ring.members.length);
    gauge('ringpost_ring_version', 'Version of the ring', () => watcher.state.version);
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

/** `/-/metrics`. */
export const metricsRoutes = fp<{ metrics: Metrics }>(
  (app, { metrics }, done) => {
    app.get('/-/metrics', { schema: operations.showMetrics }, async (_, reply) => {
      reply.type(metrics.registry.contentType);
      return metrics.registry.metrics();
    });
    done();
  },
  { name: 'metrics-routes' },
);
