import type { FastifyReply } from 'fastify';
import { finalStates } from '#shared/contract/request-record.ts';
import type { MayKnow } from '../caller/readers.ts';
import type { KnownRequest } from '../requests/request-store.ts';
import { viewOf } from '../requests/request-view.ts';
import type { Watch } from '../requests/watches.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

/** Between two comments that keep a quiet connection open, in ms. */
const heartbeatMs = 15_000;

/**
 * Streams a request's changes (server-sent events, WHATWG HTML 9.2) until it has come to its end, the client goes or the
 * gateway stops. Each event is the request as it is then. Its id is the number of its change, so that a client that
 * comes back with `Last-Event-ID` is told only what it has missed. The watch is ended with the stream.
 * @param lastId the change that the client knows already; -1 for none.
 * @param mayKnow whether the client may know of the request; if not, it is as if there were none.
 * @param unsent disconnects a client that takes nothing.
 * @returns whether the request is known; nothing was answered if it is not. Rejects if Redis does not answer before the
 * first event.
 */
export function streamEvents(
  reply: FastifyReply,
  watch: Watch,
  id: string,
  lastId: number,
  mayKnow: MayKnow,
  unsent: UnsentAnswers,
): Promise<boolean> {
  const response = reply.raw;
  return new Promise((resolve, reject) => {
    let told = Number.isFinite(lastId) ? lastId : -1;
    let stopping = false;
    let stopWatching: () => void = () => undefined;
    let heartbeat: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearInterval(heartbeat);
      stopWatching();
      watch.end();
    };
    const finish = (known: boolean): void => {
      end();
      if (heartbeat !== undefined) response.end();
      resolve(known);
    };
    const begin = (): void => {
      reply.hijack();
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      response.flushHeaders();
      // A client that takes nothing would have its events pile up.
      stopWatching = unsent.watch(response);
      heartbeat = setInterval(() => response.writableNeedDrain || response.write(': \n\n'), heartbeatMs);
    };
    const onLook = (found: KnownRequest | undefined): void => {
      if (found === undefined || !mayKnow(found)) return finish(heartbeat !== undefined);
      if (heartbeat === undefined) begin();
      const { change, state } = found.record;
      const ends = stopping || finalStates.has(state);
      // A client that takes nothing is told the latest when it does, so that events do not pile up.
      if (response.writableNeedDrain && !ends) return;
      if (change > told)
        response.write(`id: ${change}\nevent: ${state}\ndata: ${JSON.stringify(viewOf(found))}\n\n`);
      told = Math.max(told, change);
      if (ends) finish(true);
    };
    const onFailure = (error: unknown): void => {
      // Redis is away: a later look brings what was missed.
      if (heartbeat !== undefined) return;
      end();
      reject(error);
    };
    const onStop = (): void => {
      stopping = true;
      if (heartbeat !== undefined) finish(true);
    };
    watch.begin(id, { held: false, onLook, onFailure, onStop, onGone: () => finish(true) }, false);
  });
}
