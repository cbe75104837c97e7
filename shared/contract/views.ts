import type { DeadLetterSummary } from './dead-letter.ts';
import type { CallbackRecord, RequestState } from './request-record.ts';

/** A request as its client sees it. Times are RFC 3339, durations in ms. */
export interface RequestView {
  readonly id: string;
  readonly state: RequestState;
  readonly method: string;
  readonly target: string;
  readonly replica: string;
  /** The owner of its key, if another replica was selected because of the load. */
  readonly spilledFrom?: string;
  readonly attempts: number;
  readonly status?: number;
  readonly code?: string;
  readonly callback?: CallbackRecord;
  /** Why it waits, in words, if that is not only for a free slot. */
  readonly waiting?: string;
  readonly times: {
    readonly accepted: string | null;
    readonly started: string | null;
    readonly finished: string | null;
    readonly deadline: string | null;
    readonly queueMs: number | null;
    readonly serviceMs: number | null;
  };
  readonly links: { readonly self: string; readonly reply: string; readonly cancel?: string };
}

/** The header fields and the body of a message, for JSON. */
export interface MessageView {
  /** In pairs, as `new Headers()` takes them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** How the body is encoded: `utf8`, or `base64` if it is not text; `none` if it was not kept. */
  readonly encoding: 'utf8' | 'base64' | 'none';
  readonly body: string;
}

/** A dead letter as a listing shows it. Times are RFC 3339. */
export interface DeadLetterSummaryView extends Omit<DeadLetterSummary, 'accepted' | 'ended'> {
  readonly times: { readonly accepted: string | null; readonly ended: string | null };
  readonly links: { readonly self: string; readonly redrive: string };
}

export interface DeadLetterView extends DeadLetterSummaryView {
  /** Null if it can no longer be read. */
  readonly request: MessageView | null;
  readonly reply: (MessageView & { readonly status: number }) | null;
  /** Names, in lower case, of the header fields whose values were not kept. */
  readonly missingHeaders: readonly string[];
  /** Names of the query parameters whose values were not kept. */
  readonly missingQuery: readonly string[];
}

export interface DeadLetterPageView {
  /** The latest first. */
  readonly letters: readonly DeadLetterSummaryView[];
  /** The path of the next page; null on the last page. */
  readonly next: string | null;
}

/** The answer to `POST /-/dead-letters/redrive`. */
export interface RedrivenView {
  readonly redriven: readonly { readonly letter: string; readonly request: string }[];
  readonly refused: readonly { readonly letter: string; readonly code: string; readonly detail: string }[];
  /** More letters match than one call takes. */
  readonly more: boolean;
}

/** The message that is POSTed to the URL in `Ringpost-Callback`. */
export interface CallbackMessage {
  /** `request.` and the final state of the request. */
  readonly type: `request.${RequestState}`;
  /** When the request ended, as RFC 3339. */
  readonly timestamp: string;
  readonly data: Omit<RequestView, 'callback'> & {
    readonly reply: (MessageView & { readonly status: number }) | null;
  };
}

/** The answer to `/rep`, `/add` and `/rm`. */
export interface ReplicasView {
  readonly message: { readonly N: number; readonly replicas: readonly string[] };
  readonly status: 'successful';
}
