import type { IncomingHttpHeaders } from 'node:http';
import type { ProblemCode } from '#shared/contract/errors.ts';
import type { AbortCause } from './request-notes.ts';

/** A dispatched request that has ended, for metrics, the access log and lists. Durations are in ms. */
export interface EndedRequest {
  readonly id: string;
  /** When its head arrived, in ms since the epoch. */
  readonly at: number;
  readonly method: string;
  /** As the client sent it, with the query. */
  readonly target: string;
  /** The key that selected the replica; undefined if it is random, or the request was refused before. */
  readonly key: string | undefined;
  /** The replica that was selected; undefined if none was. */
  readonly replica: string | undefined;
  /** The owner of the key, if another replica was selected because of the load. */
  readonly spilledFrom?: string | undefined;
  /** Status of the answer; 499 if the client left before it had the whole answer. */
  readonly status: number;
  /** The problem that ringpost answered; undefined for an answer of the replica. */
  readonly code: ProblemCode | undefined;
  /** Why the gateway has broken the answer off; undefined if it has not. */
  readonly aborted?: AbortCause | undefined;
  readonly mode: 'wait' | 'async';
  /** 1 for the first run. */
  readonly attempt: number;
  /** The worker that ran it, as `S1#4`, if it was not the replica's own. */
  readonly adoptedBy: string | undefined;
  /** From its acceptance to its start in the worker; undefined if no reply says. */
  readonly queueMs: number | undefined;
  /** From its start in the worker to its answer there. */
  readonly serviceMs: number | undefined;
  readonly totalMs: number;
  /** Bytes of the bodies. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Address of the client. */
  readonly client: string;
  readonly traceId: string | undefined;
  /** Version and fields of its head, as the client sent them. Listeners that do not need them pay nothing. */
  readonly head: { readonly httpVersion: string; readonly headers: IncomingHttpHeaders };
}

/** Something that wants to know of each dispatched request that has ended. */
export interface EndedRequestListener {
  ended(request: EndedRequest): void;
  /** Called with a request that was refused before it had an id. Its `id` is empty. */
  refused?(request: EndedRequest): void;
}

/** Where listeners hear of requests that have ended. */
export interface EndedRequestHub {
  /** @returns a function that removes the listener. */
  add(listener: EndedRequestListener): () => void;
}
