import { request } from 'undici';
import { retryAfterMs } from '#shared/contract/retry.ts';
import { receiverSecrets } from './receiver-keys.ts';
import { signed } from './signature.ts';
import { BlockedTargetError } from './targets.ts';
import type { CallbackTargets } from './targets.ts';

/** What came of sending a callback once. `answer`: the status, or the code of an error. */
export type Sent =
  | { readonly outcome: 'delivered' | 'gone' | 'blocked'; readonly answer: string }
  /** `notBeforeMs`: the receiver asks for so much time, in ms. */
  | { readonly outcome: 'retry'; readonly answer: string; readonly notBeforeMs: number };

/** The time in ms that a receiver has to answer. */
const timeoutMs = 15_000;
/** Bytes of an answer's body that are read, so that its connection can be used again. */
const mostBodyBytes = 64 * 1024;

/**
 * POSTs a message once, signed by the keys of its receiver. Redirects are not followed (Standard Webhooks): they would lead where nobody has checked.
 * @param secrets those of `CALLBACK_SECRET`.
 * @param id of the message; the same each time that it is sent.
 * @param at when, in ms since the epoch by Redis's clock: all gateways sign by the same one.
 * @param signal ends it; what comes of it is not known then.
 * @returns what came of it; rejects only for `signal`.
 */
export async function sendCallback(
  targets: CallbackTargets,
  secrets: readonly string[],
  { id, url, payload }: { readonly id: string; readonly url: string; readonly payload: string },
  at: number,
  signal: AbortSignal,
): Promise<Sent> {
  const now = new Date(at);
  try {
    const target = new URL(url);
    const { statusCode, headers, body } = await request(target, {
      dispatcher: targets.dispatcherFor(target),
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'ringpost',
        ...signed(receiverSecrets(secrets, target.origin), id, now, payload),
      },
      body: payload,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await body.dump({ limit: mostBodyBytes }).catch(() => undefined);
    const answer = String(statusCode);
    if (statusCode >= 200 && statusCode < 300) return { outcome: 'delivered', answer };
    if (statusCode === 410) return { outcome: 'gone', answer };
    const asked = headers['retry-after'];
    const notBeforeMs = retryAfterMs(Array.isArray(asked) ? asked[0] : asked, now.getTime()) ?? 0;
    return { outcome: 'retry', answer, notBeforeMs };
  } catch (error) {
    signal.throwIfAborted();
    if (isBlocked(error)) return { outcome: 'blocked', answer: 'target_blocked' };
    return { outcome: 'retry', answer: codeOf(error), notBeforeMs: 0 };
  }
}

function isBlocked(error: unknown): boolean {
  return (
    error instanceof BlockedTargetError ||
    (error instanceof Error && error.cause instanceof BlockedTargetError)
  );
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
