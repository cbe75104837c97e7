/** How one send of a request ended, as the client sees it. */
export type Result =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** The `code` of a problem, or `http_<status>` without one; undefined for 2xx. */
      readonly code: string | undefined;
      /** The id of the request and the nonce of the execution that the answer names. */
      readonly id: string | undefined;
      /** The id that the gateway gave the request. */
      readonly request?: string | undefined;
      readonly nonce: string | undefined;
      readonly replica: string | undefined;
      /** The owner of the key, if another replica answered because of the load. */
      readonly spilledFrom?: string | undefined;
      /** Seconds. */
      readonly retryAfter: number | undefined;
    }
  /** Nothing was sent: the connection was refused. */
  | { readonly kind: 'refused' }
  /** The connection broke after the request was sent, so the client cannot know whether it ran. */
  | {
      readonly kind: 'broken';
      readonly code: string;
      /** Whether the connection had carried requests before. */
      readonly reused: boolean;
    }
  /** The client got no answer in time. */
  | { readonly kind: 'silence' };

/** One send of a request. */
export interface Attempt {
  /** The index of the target. */
  readonly target: number;
  /** Ms since the epoch. */
  readonly sent: number;
  readonly ended: number;
  readonly result: Result;
}

/** One request of the client with all its sends. The result of the last one is final. */
export interface RequestRecord {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly key: string;
  readonly attempts: readonly Attempt[];
}

/** @returns when the request was first sent, in ms since the epoch. */
export function sentAt(record: RequestRecord): number {
  return record.attempts[0]?.sent ?? Number.NaN;
}

/** @returns when the client had its final answer, in ms since the epoch. */
export function endedAt(record: RequestRecord): number {
  return record.attempts.at(-1)?.ended ?? Number.NaN;
}

/** @returns the result of the last send. */
export function finalResult(record: RequestRecord): Result {
  return record.attempts.at(-1)?.result ?? { kind: 'silence' };
}

/** @returns whether the result is a 2xx answer. */
export function isSuccess(result: Result): boolean {
  return result.kind === 'answer' && result.status >= 200 && result.status < 300;
}

/** @returns the code under which a failure is counted. */
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
