import { createHash } from 'node:crypto';
import type { CallbackUrls } from '#shared/contract/callback.ts';

/** The name of a job whose receiver is known only when its request has ended. */
const eitherReceiver = 'callback';

/**
 * A receiver is an origin: scheme, host and port. Two ports of one host may be two services.
 * @returns its name in Redis: a digest, which is short whatever the host is.
 */
export function receiverOf(url: string): string {
  const origin = URL.parse(url)?.origin ?? '';
  return `to:${createHash('sha256').update(origin).digest('base64url').slice(0, 22)}`;
}

/** @returns the only receiver of a request's callbacks; undefined if there are two. */
export function onlyReceiver({ url, failureUrl }: CallbackUrls): string | undefined {
  const one = receiverOf(url ?? failureUrl ?? '');
  return failureUrl === undefined || receiverOf(failureUrl) === one ? one : undefined;
}

/**
 * @returns the name of a callback's job, by which all jobs of one receiver are found without reading their
 * data.
 */
export function jobNameOf(urls: CallbackUrls): string {
  return onlyReceiver(urls) ?? eitherReceiver;
}
