import type { CallbackRecord, RequestState } from '../request-record.ts';

/** A request that a client waited for, as the gateway that answered it saw it. Durations are in ms. */
export interface LiveRequestView {
  /** The first digits and `…` for a viewer, since an id can open the answer. */
  readonly id: string;
  /** When it was accepted, in ms since the epoch. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The replica that owned its key; null if it was refused before. */
  readonly replica: string | null;
  /** Status of the answer; 499 if the client left. */
  readonly status: number;
  /** Code of the problem; null for an answer of the replica. */
  readonly code: string | null;
  readonly mode: 'wait' | 'async';
  readonly attempt: number;
  /** The worker that ran it if it was another replica's. */
  readonly adoptedBy: string | null;
  readonly queueMs: number | null;
  readonly serviceMs: number | null;
  readonly totalMs: number;
  readonly keyDigest: string | null;
  readonly traceId: string | null;
}

/** The answer to `GET /-/api/live`: the latest first, of the gateway that answers, at most 1,000. */
export interface LiveRequestsView {
  readonly requests: readonly LiveRequestView[];
}

/** A request with a record, in a listing. Times are in ms since the epoch. */
export interface ListedRequestView {
  /** The first digits and `…` for a viewer, since an id can open the answer. */
  readonly id: string;
  /** The path of its timeline, which opens for a viewer too. */
  readonly self: string;
  readonly state: RequestState;
  readonly method: string;
  readonly path: string;
  readonly replica: string;
  readonly accepted: number;
  readonly started: number | null;
  readonly finished: number | null;
  readonly attempts: number;
  readonly status: number | null;
  readonly code: string | null;
  readonly callback: CallbackRecord | null;
  /** Of the hash key; null for a request of a release before. */
  readonly keyDigest: string | null;
}

/**
 * The answer to `GET /-/api/requests`, the latest first. Its parameters are `id`, `key`, `replica`, `state`,
 * `status`, `from`, `to`, `limit` and `after`.
 * `from` and `to` are RFC 3339 and mean the time of acceptance; `key` is a hash key or its digest; `status`
 * is `503` or `5xx`; `limit` is 1 to 200, default 50; `after` is the cursor of `next`. With `state` or
 * `status` a page may be short or empty and still have a `next`: one call reads 2,000 records at most.
 */
export interface RequestPageView {
  readonly requests: readonly ListedRequestView[];
  /** The path of the next page; null on the last page. */
  readonly next: string | null;
}

export const timelineKinds = [
  'accepted',
  'queued',
  'taken',
  'begun',
  'lost',
  'retried',
  'adopted',
  'ended',
  'replied',
  'cancelled',
  'expired',
  'callback',
] as const;
export type TimelineKind = (typeof timelineKinds)[number];

export interface TimelineEventView {
  readonly at: number;
  readonly kind: TimelineKind;
  readonly attempt: number | null;
  /** The worker, as `S1#4`: generation 4 of replica S1. */
  readonly worker: string | null;
  /** In words, e.g. `the worker was killed by SIGKILL`. */
  readonly text: string;
}

/** The answer to `GET /-/api/requests/<id>`; 404 if neither a record nor a live request is known. */
export interface RequestTimelineView {
  readonly id: string;
  /** Null if the request has no record. */
  readonly request: ListedRequestView | null;
  /** Null if no gateway that is watched has seen it. */
  readonly live: LiveRequestView | null;
  /** The oldest first. */
  readonly events: readonly TimelineEventView[];
  /** The id of its dead letter; null without one. */
  readonly deadLetter: string | null;
}

/** The answer to `GET /-/api/dead-letters`. */
export interface DeadLetterCountsView {
  readonly count: number;
  /** How many letters, the latest, the other counts are for. */
  readonly counted: number;
  readonly byCode: readonly { readonly code: string; readonly count: number }[];
  readonly byReplica: readonly { readonly replica: string; readonly count: number }[];
}

/**
 * The answer to `POST /-/dead-letters/redrive?…&dry-run=true` and `DELETE /-/dead-letters?…&dry-run=true`:
 * what would be redriven or deleted. Nothing changes.
 */
export interface DeadLetterPreviewView {
  readonly count: number;
  /** More letters match than one call takes. */
  readonly more: boolean;
  readonly byCode: DeadLetterCountsView['byCode'];
  readonly byReplica: DeadLetterCountsView['byReplica'];
  /**
   * Of `checked` letters, those that lack a secret which was not kept: a redrive without it refuses them.
   */
  readonly incomplete: number;
  readonly checked: number;
}

/** A callback of a request, in the answer to `GET /-/api/callbacks?state=&limit=&after=`. */
export interface ListedCallbackView extends CallbackRecord {
  /** The id of the request; the first digits and `…` for a viewer. */
  readonly request: string;
  /**
   * Scheme, host and path of the receiver, without query and credentials. A viewer does not get the path.
   */
  readonly receiver: string | null;
  /** When it will be sent again, in ms since the epoch; null if it will not. */
  readonly nextAt: number | null;
}

export interface CallbackPageView {
  readonly callbacks: readonly ListedCallbackView[];
  readonly counts: Readonly<Partial<Record<CallbackRecord['state'], number>>>;
  readonly next: string | null;
}
