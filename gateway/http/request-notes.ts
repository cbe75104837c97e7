import type { ProblemCode } from '#shared/contract/errors.ts';

/**
 * Why the gateway has broken an answer off. The code of a problem is the worker's, which says why the answer
 * is not complete. `gap`: bytes stayed missing. `lost`: the worker that sent it is gone, or its job is.
 * `slow`: its client read nothing for too long. `stop`: the gateway stops.
 */
export type AbortCause = ProblemCode | 'gap' | 'lost' | 'slow' | 'stop';

/** How a request was run, as far as its gateway knows. */
export interface Ran {
  /** From its acceptance to the call of its handler, in ms. */
  readonly queueMs: number;
  /** How long its handler ran, in ms. */
  readonly serviceMs: number;
  /** 1 for the first run. */
  readonly attempt: number;
  /** The worker that ran it, as `S1#4`, if it was not the replica's own. */
  readonly adoptedBy: string | undefined;
}

/** The parts of a parsed request that say what was asked for. */
export interface NotedRequest {
  readonly request: {
    readonly method: string;
    readonly target: string;
    readonly body: { readonly length: number };
  };
  /** The client's address. */
  readonly ip: string;
  readonly key: string | undefined;
  readonly hasRandomKey: boolean;
  readonly preference: { readonly respondAsync: boolean };
}

/** Where a request went, and how it was run there. */
export interface NotedOutcome {
  readonly id: string;
  readonly replica: string | undefined;
  /** The owner of its key, if another replica was selected because of the load. */
  readonly spilledFrom?: string | undefined;
  readonly ran?: Ran | undefined;
}

/** The span of a dispatched request. */
export interface RequestTrace {
  readonly traceId: string;
  /**
   * The request has ended.
   * @param status of the answer; 499 if the client left.
   * @param code of the problem that ringpost answered.
   */
  ended(status: number, code: string | undefined, notes: RequestNotes): void;
}

/** What the answer to a dispatched request knows about it. Whoever learns something notes it here. */
export interface RequestNotes {
  /** The request target as the client sent it. */
  readonly target: string | undefined;
  /** Undefined if the request was refused before it was parsed. */
  readonly request: NotedRequest | undefined;
  /** Undefined if the request was refused before it had an id. */
  readonly outcome: NotedOutcome | undefined;
  /** Bytes of the body of the answer. */
  readonly bodyBytes: number;
  /** Undefined unless the gateway has broken the answer off. */
  readonly aborted: AbortCause | undefined;
  /** Undefined if no OpenTelemetry SDK is loaded. */
  readonly trace: RequestTrace | undefined;
}
