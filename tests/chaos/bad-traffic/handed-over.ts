import { setTimeout as delay } from 'node:timers/promises';
import type { RequestView } from '#shared/contract/views.ts';
import { now } from '../clock.ts';

const finals = ['done', 'failed', 'cancelled', 'expired'];
const pollIntervalMs = 100;

/** A request that was handed over. */
export interface AsyncRequest {
  readonly id: string;
  readonly replica: string;
  readonly self: string;
}

/** Hands a request over. @throws Error where it was not taken. */
export async function sendAsync(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<AsyncRequest> {
  const response = await fetch(url + path, { method, headers: { ...headers, prefer: 'respond-async' } });
  const text = await response.text();
  if (response.status !== 202) throw new Error(`handed over, and answered ${response.status}: ${text}`);
  const { id, replica } = JSON.parse(text) as RequestView; // as 202 is documented
  return { id, replica, self: `${url}/-/requests/${id}` };
}

/** @returns the request as it is now; undefined where the gateway does not say. */
export async function fetchView({ self }: AsyncRequest): Promise<RequestView | undefined> {
  const response = await fetch(self).catch(() => undefined);
  if (response?.status !== 200) {
    await response?.body?.cancel();
    return undefined;
  }
  return (await response.json()) as RequestView; // as 200 is documented
}

/** @returns the request when it has ended, or as it is after `timeoutMs`. */
export async function untilFinal(request: AsyncRequest, timeoutMs: number): Promise<RequestView | undefined> {
  const giveUpAt = now() + timeoutMs;
  for (;;) {
    const view = await fetchView(request);
    if ((view !== undefined && finals.includes(view.state)) || now() > giveUpAt) return view;
    await delay(pollIntervalMs);
  }
}

/** @returns its state and why, in a few words. */
export function stateOf(view: RequestView | undefined): string {
  return view === undefined ? 'unknown' : [view.state, view.code].filter(Boolean).join(' ');
}
