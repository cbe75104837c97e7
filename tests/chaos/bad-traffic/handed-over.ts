import { setTimeout as delay } from 'node:timers/promises';
import type { RequestView } from '#shared/contract/views.ts';
import { now } from '../clock.ts';

const finals = ['done', 'failed', 'cancelled', 'expired'];
const pollIntervalMs = 100;

/** An async request that was accepted. */
export interface AsyncRequest {
  readonly id: string;
  readonly replica: string;
  readonly self: string;
}

/** Sends an async request. @throws Error if it was not accepted. */
export async function sendAsync(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<AsyncRequest> {
  const response = await fetch(url + path, { method, headers: { ...headers, prefer: 'respond-async' } });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`an async request was answered ${response.status}: ${text}`);
  const { id, replica } = JSON.parse(text) as RequestView; // the documented body of a 202
  return { id, replica, self: `${url}/-/requests/${id}` };
}

/** @returns the present view of the request; undefined if the gateway does not answer 200. */
export async function fetchView({ self }: AsyncRequest): Promise<RequestView | undefined> {
  const response = await fetch(self).catch(() => undefined);
  if (response?.status !== 200) {
    await response?.body?.cancel();
    return undefined;
  }
  return (await response.json()) as RequestView; // the documented body of a 200
}

/** @returns the view of the request once it has ended, or after `timeoutMs`. */
export async function untilFinal(request: AsyncRequest, timeoutMs: number): Promise<RequestView | undefined> {
  const giveUpAt = now() + timeoutMs;
  for (;;) {
    const view = await fetchView(request);
    if ((view !== undefined && finals.includes(view.state)) || now() > giveUpAt) return view;
    await delay(pollIntervalMs);
  }
}

/** @returns the state and its code, e.g. `failed worker_died`. */
export function stateOf(view: RequestView | undefined): string {
  return view === undefined ? 'unknown' : [view.state, view.code].filter(Boolean).join(' ');
}
