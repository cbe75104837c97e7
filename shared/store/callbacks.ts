import { isCount, isObject } from '../contract/json-object.ts';

/** Where the end of a request is told. */
export interface CallbackUrls {
  /** Told of every end, or of `done` alone where there is another one for the rest. */
  readonly url?: string;
  /** Told of `failed`, `cancelled` and `expired`. */
  readonly failureUrl?: string;
}

/** The data of a callback job. Its id is the request's; it is delayed until the request ends, at most to its deadline. */
export interface CallbackData extends CallbackUrls {
  /** Of the request, in ms since the epoch. */
  readonly deadline: number;
  /** How often it was sent. */
  readonly attempts: number;
  /** When it was sent for the first time, in ms since the epoch; a gateway of the release before does not note it. */
  readonly firstSent?: number;
  /** What is sent and where to, once that is certain: the request may be forgotten before the last attempt. */
  readonly message?: CallbackJobMessage;
  /** By which gateways know that one of them has written it; a gateway of the release before writes none. */
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

/** What is needed of BullMQ's queue of callbacks to call one. */
interface CallbackJobs {
  getJob(
    id: string,
  ): Promise<
    { readonly data: CallbackData; isDelayed(): Promise<boolean>; promote(): Promise<void> } | undefined
  >;
}

/** A request has come to its end: its callback is sent now. Does nothing where that is under way, or over. */
export async function promoteCallback(queue: CallbackJobs, id: string): Promise<void> {
  const job = await queue.getJob(id);
  try {
    // One that was sent and is to be sent again has a time of its own.
    if (job !== undefined && job.data.attempts === 0 && (await job.isDelayed())) await job.promote();
  } catch (error) {
    if (await job?.isDelayed()) throw error;
  }
}
