import { finalStates } from '#shared/contract/request-record.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { untilFinal } from '../records/until-final.ts';
import type { Watch, Watches } from '../records/watches.ts';
import type { AsyncParsedRequest } from '../request/parsed-request.ts';
import { accept } from './accept.ts';
import type { AcceptedClient, AcceptOptions } from './accept.ts';

export interface AcceptAndWaitOptions extends AcceptOptions {
  readonly watches: Watches;
}

/** An async request when its client is to be answered. */
export interface Waited {
  /** As it is then. */
  readonly request: KnownRequest;
  /** Whether it is an earlier request with the same idempotency key. */
  readonly isRepeat: boolean;
  /** The watch of its client, if the client was waited for. The caller ends it. */
  readonly watch: Watch | undefined;
}

/**
 * Accepts an async request, and waits for its end, or for the head of a kept stream: with `Prefer:
 * respond-async` as long as `wait` says, if it says so; without it as long as the client waits for an
 * answer.
 * @returns undefined if the client has left.
 * @throws {Problem} if the request is not accepted.
 */
export async function acceptAndWait(
  options: AcceptAndWaitOptions,
  parsed: AsyncParsedRequest,
  client: AcceptedClient,
): Promise<Waited | undefined> {
  const { socket } = client;
  const { watches, claims, replyTimeoutMs } = options;
  const { respondAsync, waitMs } = parsed.preference;
  const maxWaitMs = respondAsync ? waitMs : Math.min(waitMs ?? replyTimeoutMs, replyTimeoutMs);
  // A watch is opened before the request is accepted: an accepted request must not be answered with 503. If
  // there are too many watches, a client that sent `respond-async` is not waited for.
  const open = (): ReturnType<Watches['tryOpen']> =>
    respondAsync ? watches.tryOpen(socket) : watches.open(socket);
  const watch = maxWaitMs === undefined ? undefined : open();
  try {
    const { known, place } = await accept(options, parsed, client);
    let request = known;
    if (watch !== undefined && maxWaitMs !== undefined) {
      const onStop = respondAsync ? 'answer' : 'wait';
      const wait = { waitMs: maxWaitMs, known, orStream: true, onStop } as const;
      request = (await untilFinal(watch, known.id, wait)) ?? known;
      if (watch.gone) return undefined;
    }
    const { state, stream, deadline } = request.record;
    const isFinal = finalStates.has(state);
    // A stream has left the queue.
    if (isFinal || stream !== undefined) place?.free();
    const { idempotencyKey } = parsed.async;
    if (isFinal && place !== undefined && idempotencyKey !== undefined)
      claims.end(idempotencyKey, known.id, deadline).catch(() => undefined);
    return { request, isRepeat: place === undefined, watch };
  } catch (error) {
    watch?.end();
    throw error;
  }
}
