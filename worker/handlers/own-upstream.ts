import { setTimeout as delay } from 'node:timers/promises';
import { HandlerLoadError } from '#shared/contract/handler-load-error.ts';
import { shownUpstream } from '#shared/settings/upstreams.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { upstreamPosition } from '#shared/store/ring/upstream-position.ts';

export interface OwnUpstreamOptions {
  readonly connection: Connection;
  readonly replica: string;
  /** The server of UPSTREAM, for all replicas. */
  readonly upstream: URL | undefined;
  /** The servers of UPSTREAMS, one for each replica; none if it is not set. */
  readonly upstreams: readonly URL[];
  readonly log: Logger;
}

/** A worker that was started by hand may be earlier than the controller that gives its replica a position. */
const waitMs = 5000;
const pauseMs = 200;

/**
 * @returns the server to which a replica forwards its requests; undefined if it runs something else.
 * @throws {HandlerLoadError} that says what to do if the replica has no server in UPSTREAMS.
 */
export async function ownUpstream(options: OwnUpstreamOptions): Promise<URL | undefined> {
  const { connection, replica, upstream, upstreams, log } = options;
  if (upstreams.length === 0) return upstream;
  const until = performance.now() + waitMs;
  for (;;) {
    const position = await upstreamPosition(connection, replica);
    const server = position === undefined ? undefined : upstreams[position];
    if (server !== undefined) {
      log.info({ position, upstream: shownUpstream(server) }, 'forwards to its own server of UPSTREAMS');
      return server;
    }
    if (performance.now() >= until) throw new HandlerLoadError(reasonOf(replica, position, upstreams.length));
    await delay(pauseMs);
  }
}

function reasonOf(replica: string, position: number | undefined, count: number): string {
  if (position === undefined)
    return (
      `UPSTREAMS is set, but ${replica} has no position in it. The controller gives positions: start it with ` +
      `the same UPSTREAMS, and add ${replica} with /add if it is no replica yet`
    );
  return (
    `UPSTREAMS lists ${count} servers here, but ${replica} has number ${position + 1}. Start the worker with ` +
    'the same UPSTREAMS as the controller'
  );
}
