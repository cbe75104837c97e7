import fp from 'fastify-plugin';
import { Problem } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { countLines } from '#shared/store/queue/queue-lines.ts';
import { pausedAmong } from '#shared/store/queue/queue-pauses.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { replicaOperations } from '../openapi/replica-operations.ts';
import { queryValues } from '../request/query.ts';
import { previewChange } from '../ring/change-preview.ts';
import { planView } from '../ring/plan-view.ts';
import type { LeavingQueue } from '../ring/plan-view.ts';
import type { AddLimits } from '../ring/replica-changes.ts';
import { noStore } from '../routes/no-store.ts';
import { redisAway } from '../routes/redis-away.ts';

export interface PlanRouteOptions extends AddLimits {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly slowStartMs: number;
  readonly log: Logger;
}

/** `GET /-/api/plan?add=S4&weight=S1:2&rm=S2&drain=S3`: what a change would move. Nothing changes. */
export const planRoute = fp<PlanRouteOptions>(
  (app, options, done) => {
    const { connection, store, slowStartMs, log } = options;
    const depths = new QueueDepths(connection, log);

    const queuesOf = async (names: readonly string[]): Promise<LeavingQueue[]> => {
      const [read, paused] = await Promise.all([depths.readAll(names), pausedAmong(connection, names)]);
      const queues: LeavingQueue[] = [];
      for (const name of names) {
        const depth = read.get(name);
        const { waiting = 0, prioritized = 0, delayed = 0, active = 0, streams = 0 } = depth ?? {};
        // One queue at a time, because the data of its jobs may be large.
        // oxlint-disable-next-line no-await-in-loop
        const { lines, isLowerBound } = await countLines(connection, name);
        queues.push({
          name,
          waiting: waiting + prioritized + delayed,
          running: active + streams,
          lines,
          hasMoreLines: isLowerBound,
          paused: paused.has(name),
        });
      }
      return queues;
    };

    app.get('/-/api/plan', { onRequest: noStore, schema: replicaOperations.plan }, async (request) => {
      const named = (parameter: string): string[] => queryValues(request.originalUrl, parameter);
      const asked = {
        add: named('add'),
        weight: named('weight'),
        rm: named('rm'),
        drain: named('drain'),
      };
      return redisAway(async () => {
        const state = await store.read();
        if (state.version === -1) throw new Problem('starting', 'No controller has started yet.');
        const preview = previewChange(state, asked, options);
        return planView(preview, await queuesOf([...preview.rm, ...preview.drain]), slowStartMs);
      });
    });
    done();
  },
  { name: 'plan-route' },
);
