import { createHash } from 'node:crypto';
import type { CallbackUrls } from '#shared/contract/callback.ts';
import { headerValue } from '#shared/contract/headers.ts';
import { parseHttpDate } from '#shared/contract/http-date.ts';
import type { JobData } from '#shared/contract/job.ts';
import { Problem } from '#shared/contract/errors.ts';
import { parseRate, rateForm } from '#shared/contract/rate.ts';
import type { Rate } from '#shared/contract/rate.ts';
import { bytesOfKey } from '#shared/ring/key-text.ts';
import type { ParsedRequest } from './parsed-request.ts';
import { checkFieldSize } from './own-fields.ts';

/** Whether the requests of a key stay with its owner, or go elsewhere if the owner is overloaded. */
export type Affinity = 'strict' | 'loose';

/** What a request asks for by `Ringpost-*` header fields, besides its hash key. */
export interface Directives {
  /** `Ringpost-Attempts`: how often it may run. */
  readonly maxAttempts?: number;
  /** `Ringpost-Delay`: when it may run, in ms since the epoch. */
  readonly notBefore?: number;
  /** `Ringpost-Priority`: 1 to 9. A request with a higher number runs later. */
  readonly priority?: number;
  /** `Ringpost-Deadline`: how long it may take from its acceptance, in ms. */
  readonly deadlineMs?: number;
  /** `Ringpost-Order: key`: requests with the same hash key run one at a time. */
  readonly ordered?: true;
  /** `Ringpost-Order: key; on-retry=pass`: while it waits for its next attempt, those behind it go first. */
  readonly orderOnRetry?: 'pass';
  /** `Ringpost-Affinity`: whether it stays with the owner of its key whatever the load. */
  readonly affinity?: Affinity;
  /** `Ringpost-Key-Rate`: how many requests of its key, with the same field, may come in which time. */
  readonly keyRate?: Rate;
  /** `Ringpost-Key-Concurrency`: it runs only while fewer requests of its key run. */
  readonly keyConcurrency?: number;
  /** `Ringpost-Keep: stream`: its answer is kept as it comes, and the work goes on if its client leaves. */
  readonly keepsStream?: true;
  /** `Ringpost-Callback` and `Ringpost-Failure-Callback`: where its end is reported. */
  readonly callbacks?: CallbackUrls;
}

const none: Directives = {};

/** The highest `KEY_CONCURRENCY`. */
const maxKeyConcurrency = 100_000;
/** 30 days, in s. */
const maxDelayS = 2_592_000;
/** The longest delay of Node's timers, in ms. */
const maxDeadlineMs = 2_147_483_647;

/**
 * @param headers alternating names and values.
 * @param now ms since the epoch.
 * @throws {Problem} `request_malformed` that says what is wrong with which field.
 */
export function directivesOf(headers: readonly string[], now: number): Directives {
  if (!hasAny(headers)) return none;
  const maxAttempts = wholeNumber(headers, 'Ringpost-Attempts', 1, 100);
  const priority = wholeNumber(headers, 'Ringpost-Priority', 0, 9);
  const deadlineMs = wholeNumber(headers, 'Ringpost-Deadline', 1, maxDeadlineMs);
  const notBefore = notBeforeOf(headerValue(headers, 'ringpost-delay'), now);
  const order = orderOf(headerValue(headers, 'ringpost-order'));
  const affinity = affinityOf(headerValue(headers, 'ringpost-affinity'));
  const keyRate = keyRateOf(headerValue(headers, 'ringpost-key-rate'));
  const keyConcurrency = wholeNumber(headers, 'Ringpost-Key-Concurrency', 1, maxKeyConcurrency);
  const keepsStream = keepsStreamOf(headerValue(headers, 'ringpost-keep'));
  const callbacks = callbacksOf(headers);
  return {
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(notBefore === undefined || notBefore <= now ? {} : { notBefore }),
    ...(priority === undefined || priority === 0 ? {} : { priority }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...order,
    ...(affinity === undefined ? {} : { affinity }),
    ...(keyRate === undefined ? {} : { keyRate }),
    ...(keyConcurrency === undefined ? {} : { keyConcurrency }),
    ...(keepsStream ? { keepsStream } : {}),
    ...(callbacks === undefined ? {} : { callbacks }),
  };
}

/**
 * @param deadline of the request, in ms since the epoch.
 * @returns a problem if the delay leaves no time before the deadline.
 */
export function delayFault({ notBefore = 0 }: Directives, deadline: number): Problem | undefined {
  if (notBefore < deadline) return undefined;
  const detail =
    `Ringpost-Delay ends at ${new Date(notBefore).toISOString()}, and the request has to be done by ` +
    `${new Date(deadline).toISOString()}; shorten it, or send an async request (Prefer: respond-async) ` +
    'with a later deadline.';
  return new Problem('request_malformed', detail);
}

/**
 * @param key the hash key of the request.
 * @param defaultMaxAttempts how often a request may run that does not say so.
 * @returns the part of the directives that the job of a request carries.
 */
export function jobTerms(
  { maxAttempts, notBefore, priority, ordered, orderOnRetry, callbacks }: Directives,
  key: string,
  defaultMaxAttempts: number | undefined,
): Partial<JobData> {
  const attempts = maxAttempts ?? defaultMaxAttempts;
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(priority === undefined ? {} : { priority }),
    ...(ordered ? { order: lineOf(key) } : {}),
    ...(orderOnRetry === undefined ? {} : { orderOnRetry }),
    ...(callbacks === undefined ? {} : { callback: true }),
  };
}

/**
 * @param parsed its key is not random if it is to be limited.
 * @param most the setting `KEY_CONCURRENCY`.
 * @returns the part of the job of a request that limits how many with its key run; empty if nothing does.
 */
export function keyLimitOf(
  { key, hasRandomKey, directives }: Pick<ParsedRequest, 'key' | 'hasRandomKey' | 'directives'>,
  most: number | undefined,
): Pick<JobData, 'keyLine' | 'keyLimit' | 'keyMost'> {
  const own = directives.keyConcurrency ?? most;
  if (own === undefined || key === undefined || hasRandomKey) return noLimit;
  const keyLimit = Math.min(own, most ?? own);
  const keyLine = limitLineOf(key);
  return most === undefined || most === keyLimit
    ? { keyLine, keyLimit }
    : { keyLine, keyLimit, keyMost: most };
}

const noLimit = {};

/** @returns the line of the requests that have this hash key, of which a limited number run. */
export function limitLineOf(key: string): string {
  return `limit-${lineOf(key)}`;
}

/** @returns the line of the requests that have this hash key and run one at a time. */
export function lineOf(key: string): string {
  return createHash('sha256').update(bytesOfKey(key)).digest('base64url').slice(0, 22);
}

/**
 * Checks whether a request has directives. Most have none, or only the hash key, and cost one pass over the
 * names.
 * @throws {Problem} `request_malformed` for a field that is too long, or that is there twice, since it is not
 * clear which one is meant.
 */
function hasAny(headers: readonly string[]): boolean {
  let any = false;
  let seen = 0;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? '';
    if (!/^ringpost-/i.test(name)) continue;
    checkFieldSize(name, headers[at + 1]?.length ?? 0);
    const index = requestFields.indexOf(name.toLowerCase());
    any ||= index !== keyIndex;
    if (index < 0) continue;
    if ((seen & (1 << index)) !== 0)
      throw new Problem('request_malformed', `There are two ${name} fields; there may be one.`);
    seen |= 1 << index;
  }
  return any;
}

/** The fields of a request that ringpost reads, in lower case. A request may have each of them once. */
export const requestFields: readonly string[] = [
  'ringpost-key',
  'ringpost-retry',
  'ringpost-attempts',
  'ringpost-delay',
  'ringpost-priority',
  'ringpost-deadline',
  'ringpost-order',
  'ringpost-affinity',
  'ringpost-key-rate',
  'ringpost-key-concurrency',
  'ringpost-keep',
  'ringpost-callback',
  'ringpost-failure-callback',
];
const keyIndex = requestFields.indexOf('ringpost-key');

function wholeNumber(headers: readonly string[], name: string, min: number, max: number): number | undefined {
  const value = headerValue(headers, name.toLowerCase())?.trim();
  if (value === undefined) return undefined;
  if (/^\d{1,10}$/.test(value) && Number(value) >= min && Number(value) <= max) return Number(value);
  throw malformed(name, value, `a whole number from ${min} to ${max}`);
}

function notBeforeOf(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\s*\d{1,10}\s*$/.test(value) ? Number(value) : undefined;
  const at = seconds === undefined ? parseHttpDate(value, now) : now + seconds * 1000;
  if (at !== undefined && at <= now + maxDelayS * 1000) return at;
  throw malformed('Ringpost-Delay', value, `seconds or an HTTP-date, at most ${maxDelayS} s from now`);
}

function orderOf(value: string | undefined): Pick<Directives, 'ordered' | 'orderOnRetry'> | undefined {
  if (value === undefined) return undefined;
  const match = /^[ \t]*key[ \t]*(;[ \t]*on-retry=pass[ \t]*)?$/i.exec(value);
  if (match === null) throw malformed('Ringpost-Order', value, '`key` or `key; on-retry=pass`');
  return match[1] === undefined ? { ordered: true } : { ordered: true, orderOnRetry: 'pass' };
}

function affinityOf(value: string | undefined): Affinity | undefined {
  const wanted = value?.trim().toLowerCase();
  if (wanted === undefined || wanted === 'strict' || wanted === 'loose') return wanted;
  throw malformed('Ringpost-Affinity', value ?? '', '`strict` or `loose`');
}

function keyRateOf(value: string | undefined): Rate | undefined {
  if (value === undefined) return undefined;
  const rate = parseRate(value.trim());
  if (rate === undefined) throw malformed('Ringpost-Key-Rate', value, rateForm);
  return rate;
}

function keepsStreamOf(value: string | undefined): boolean {
  if (value === undefined) return false;
  if (value.trim().toLowerCase() === 'stream') return true;
  throw malformed('Ringpost-Keep', value, '`stream`');
}

function callbacksOf(headers: readonly string[]): CallbackUrls | undefined {
  const url = headerValue(headers, 'ringpost-callback')?.trim();
  const failureUrl = headerValue(headers, 'ringpost-failure-callback')?.trim();
  if (url === undefined && failureUrl === undefined) return undefined;
  return { ...(url === undefined ? {} : { url }), ...(failureUrl === undefined ? {} : { failureUrl }) };
}

function malformed(name: string, value: string, right: string): Problem {
  return new Problem('request_malformed', `${name} is ${JSON.stringify(value)}; it must be ${right}.`);
}
