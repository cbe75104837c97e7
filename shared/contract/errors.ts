/**
 * The catalogue of problems (RFC 9457) that ringpost itself answers with. `docs/errors.md` lists the same
 * codes. `retryable` means that the client may send the same request again and nothing is done twice.
 */
export const catalogue = {
  request_malformed: { status: 400, title: 'Bad Request', retryable: false },
  hash_key_missing: { status: 400, title: 'Hash Key Missing', retryable: false },
  unauthorized: { status: 401, title: 'Unauthorized', retryable: false },
  forbidden: { status: 403, title: 'Forbidden', retryable: false },
  not_found: { status: 404, title: 'Not Found', retryable: false },
  request_timeout: { status: 408, title: 'Request Timeout', retryable: true },
  not_finished: { status: 409, title: 'Not Finished', retryable: true },
  already_finished: { status: 409, title: 'Already Finished', retryable: false },
  cancelled: { status: 409, title: 'Cancelled', retryable: false },
  conflict: { status: 409, title: 'Conflict', retryable: false },
  answer_gone: { status: 410, title: 'Answer Gone', retryable: false },
  body_too_large: { status: 413, title: 'Content Too Large', retryable: false },
  unsupported_media_type: { status: 415, title: 'Unsupported Media Type', retryable: false },
  range_not_satisfiable: { status: 416, title: 'Range Not Satisfiable', retryable: false },
  expectation_failed: { status: 417, title: 'Expectation Failed', retryable: false },
  idempotency_key_in_use: { status: 422, title: 'Idempotency Key In Use', retryable: false },
  idempotency_key_reused: { status: 422, title: 'Idempotency Key Reused', retryable: false },
  key_rate_limited: { status: 429, title: 'Key Rate Limited', retryable: true },
  header_too_large: { status: 431, title: 'Request Header Fields Too Large', retryable: false },
  handler_failed: { status: 500, title: 'Handler Failed', retryable: false },
  internal: { status: 500, title: 'Internal Server Error', retryable: false },
  method_not_supported: { status: 501, title: 'Method Not Supported', retryable: false },
  transfer_coding_not_supported: { status: 501, title: 'Transfer Coding Not Supported', retryable: false },
  upgrade_not_supported: { status: 501, title: 'Upgrade Not Supported', retryable: false },
  outcome_unknown: { status: 502, title: 'Outcome Unknown', retryable: false },
  upstream_unreachable: { status: 502, title: 'Upstream Unreachable', retryable: true },
  worker_died: { status: 502, title: 'Worker Died', retryable: false },
  reply_too_large: { status: 502, title: 'Reply Too Large', retryable: false },
  no_replica: { status: 503, title: 'No Replica', retryable: true },
  starting: { status: 503, title: 'Starting', retryable: true },
  stopping: { status: 503, title: 'Stopping', retryable: true },
  not_begun: { status: 503, title: 'Not Begun', retryable: true },
  settings_differ: { status: 503, title: 'Settings Differ', retryable: true },
  over_capacity: { status: 503, title: 'Over Capacity', retryable: true },
  redis_away: { status: 503, title: 'Redis Away', retryable: true },
  reply_timeout: { status: 504, title: 'Reply Timeout', retryable: false },
} as const;

export type ProblemCode = keyof typeof catalogue;

/** @returns whether a value is the code of a problem that this release knows. */
export function isProblemCode(value: unknown): value is ProblemCode {
  return typeof value === 'string' && Object.hasOwn(catalogue, value);
}

/** RFC 9457 problem details with the extension member `code`. */
export interface ProblemDetails {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  /** Where to learn more about this occurrence: the path of the request's record. */
  readonly instance?: string;
}

/** @param detail says what was wrong and what would be right, for the person who reads the answer. */
export function problemDetails(code: ProblemCode, detail: string): ProblemDetails {
  const { title, status } = catalogue[code];
  return { type: 'about:blank', title, status, detail, code };
}

/** An error that the gateway answers with as a problem. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly #instance: string | undefined;

  constructor(
    code: ProblemCode,
    detail: string,
    options: ErrorOptions & { readonly instance?: string } = {},
  ) {
    super(detail, options);
    this.code = code;
    this.#instance = options.instance;
  }

  get status(): number {
    return catalogue[this.code].status;
  }

  get details(): ProblemDetails {
    const details = problemDetails(this.code, this.message);
    return this.#instance === undefined ? details : { ...details, instance: this.#instance };
  }
}

/** @returns the problem that was thrown; `internal` for anything else. */
export function asProblem(thrown: unknown): Problem {
  return thrown instanceof Problem
    ? thrown
    : new Problem('internal', 'The gateway failed.', { cause: thrown });
}

/** The `Retry-After` of 503 answers, in seconds. */
export const retryAfterSeconds = 1;
