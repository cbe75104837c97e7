import type { ProblemDetails } from '../contract/errors.ts';

/** The gateway answered with a problem (RFC 9457), or refused an admin call. */
export class RingpostError extends Error {
  override readonly name = 'RingpostError';
  readonly status: number;
  /** The problem's code, which is stable; undefined if the answer was not a problem. */
  readonly code: string | undefined;

  constructor(status: number, code: string | undefined, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** @returns the error that an answer of the gateway says. */
export async function errorOf(response: Response): Promise<RingpostError> {
  const text = await response.text();
  try {
    // This is a problem, or the failure of an admin call.
    const { code, detail, message } = JSON.parse(text) as Partial<ProblemDetails> & { message?: string };
    return new RingpostError(response.status, code, detail ?? message ?? text);
  } catch {
    return new RingpostError(response.status, undefined, text);
  }
}
