import { isCount, isObject } from './json-object.ts';

/** Where the end of a request is reported. */
export interface CallbackUrls {
  /** Gets every end; only `done` if there is a `failureUrl`. */
  readonly url?: string;
  /** Gets `failed`, `cancelled` and `expired`. */
  readonly failureUrl?: string;
}

/**
 * The data of a callback job. Its id is the request's; it is delayed until the request ends, at most to its
 * deadline.
 */
export interface CallbackData extends CallbackUrls {
  /** Of the request, in ms since the epoch. */
  readonly deadline: number;
  /** How often it was sent. */
  readonly attempts: number;
  /**
   * When it was sent for the first time, in ms since the epoch. A gateway of the release before does not note
   * it.
   */
  readonly firstSent?: number;
  /** Set after the first attempt: Redis may forget the request before the last attempt. */
  readonly message?: CallbackJobMessage;
  /** Proves that a gateway has written the job. A gateway of the release before writes none. */
  readonly mac?: string;
}

export interface CallbackJobMessage {
  readonly url: string;
  readonly payload: string;
  readonly mac?: string;
}

/** @returns whether a value is the data of a callback job. */
export function isCallback(value: unknown): value is CallbackData {
  if (!isObject(value)) return false;
  const { url, failureUrl, deadline, attempts, firstSent, message, mac } = value;
  const texts = [url, failureUrl, mac].every((each) => each === undefined || typeof each === 'string');
  if (!texts || !isCount(deadline) || !isCount(attempts)) return false;
  if (firstSent !== undefined && !isCount(firstSent)) return false;
  if (message === undefined) return true;
  if (!isObject(message) || typeof message['url'] !== 'string') return false;
  const { payload, mac: messageMac } = message;
  return typeof payload === 'string' && (messageMac === undefined || typeof messageMac === 'string');
}

/** The path of a receiver is shown up to this length. */
const maxPath = 200;

/** @returns scheme, host and path of a URL, without its query and credentials; '' if it is none. */
export function shownReceiver(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? '' : parsed.origin + parsed.pathname.slice(0, maxPath);
}

/** How many receivers one call handles. */
export const receiversPerCall = 16;

/**
 * A callback that its gateway has moved to the delayed set, and that is not in the set of its receiver yet.
 */
export interface DelayedCallback {
  readonly receiver: string;
  readonly id: string;
}

export interface ParkCall {
  /** Receivers without a free slot: 1 to {@link receiversPerCall}, those of `delayed` among them. */
  readonly receivers: readonly [string, ...string[]];
  readonly delayed: readonly DelayedCallback[];
  /** When the first parked callback is due again by itself, in ms since the epoch. */
  readonly firstDue: number;
  /** The time in ms over which those that are parked in one call are spread. */
  readonly spreadMs: number;
  /** TTL of a receiver's set in ms. */
  readonly setTtlMs: number;
  /** How many jobs at the head of the queue are checked. */
  readonly maxChecked: number;
}
