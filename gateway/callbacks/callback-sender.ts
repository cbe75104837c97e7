import { request } from 'undici';
import { retryAfterMs } from '#shared/contract/retry.ts';
import { receiverSecrets } from './receiver-keys.ts';
import { signed } from './signature.ts';
import { BlockedTargetError } from './targets.ts';
import type { CallbackTargets } from './targets.ts';

/** The outcome of one attempt. `answer`: the status, or the code of an error. */
export type Sent =
  | { readonly outcome: 'delivered' | 'gone' | 'blocked'; readonly answer: string }
  /** `notBeforeMs`: the time that the receiver asks for, in ms. */
  | { readonly outcome: 'retry'; readonly answer: string; readonly notBeforeMs: number };

/** How long a receiver may take to answer, in ms. */
const timeoutMs = 15_000;
/** A body of up to this size is read, so that its connection can be reused. */
const maxBodyBytes = 64 * 1024;

/**
 * POSTs a message once, signed with the keys of its receiver. Redirects are not followed (Standard Webhooks):
 * their targets were not checked.
 * @param secrets those of `CALLBACK_SECRET`.
 * @param id of the message, the same for each attempt.
 * @param at the time of the attempt in ms since the epoch, in Redis time, so that all gateways sign by the
 * same clock.
 * @param signal aborts the attempt; its outcome is unknown then.
 * @returns the outcome; rejects only if `signal` fires.
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
    await body.dump({ limit: maxBodyBytes }).catch(() => undefined);
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
