/** How one sending of a request ended, as the client sees it. */
export type Result =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** The `code` of a problem, or `http_<status>` where there is none; undefined for 2xx. */
      readonly code: string | undefined;
      /** What the answer says that it answers, and by which execution. */
      readonly id: string | undefined;
      readonly nonce: string | undefined;
      readonly replica: string | undefined;
      /** Seconds. */
      readonly retryAfter: number | undefined;
    }
  /** Nothing was sent: nobody took the connection. */
  | { readonly kind: 'refused' }
  /** The connection broke after the request was sent, so nobody can know whether it was done. */
  | {
      readonly kind: 'broken';
      readonly code: string;
      /** Whether the connection had carried requests before. */
      readonly reused: boolean;
    }
  /** No answer within the client's own bound. */
  | { readonly kind: 'silence' };

/** One sending of a request. */
export interface Attempt {
  /** Which of the client's targets. */
  readonly target: number;
  /** Ms since the epoch. */
  readonly sent: number;
  readonly ended: number;
  readonly result: Result;
}

/**
 * One request of the client, with all its sendings; the last one's result is what the client was left with.
 */
export interface RequestRecord {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly key: string;
  readonly attempts: readonly Attempt[];
}

/** @returns when the request was sent first, in ms since the epoch. */
export function sentAt(record: RequestRecord): number {
  return record.attempts[0]?.sent ?? Number.NaN;
}

/** @returns when the client had its final answer, in ms since the epoch. */
export function endedAt(record: RequestRecord): number {
  return record.attempts.at(-1)?.ended ?? Number.NaN;
}

/** @returns the result that the client was left with. */
export function finalResult(record: RequestRecord): Result {
  return record.attempts.at(-1)?.result ?? { kind: 'silence' };
}

/** @returns whether that was an answer of 2xx. */
export function isSuccess(result: Result): boolean {
  return result.kind === 'answer' && result.status >= 200 && result.status < 300;
}

/** @returns the word under which a failure is counted. */
export function failureCode(result: Result): string {
  switch (result.kind) {
    case 'answer':
      return result.code ?? `http_${result.status}`;
    case 'refused':
      return 'refused';
    case 'broken':
      return 'connection_lost';
    case 'silence':
      return 'no_answer';
    default:
      return result satisfies never;
  }
}
