// How a client pays, and what it does if it is not told whether it has paid.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RingpostClient } from 'ringpost/client';

const client = new RingpostClient(process.argv[2] ?? 'http://localhost:5000');

interface Options {
  /** Kept by the client until it knows the outcome, in its database if the client may die. */
  readonly idempotencyKey?: string;
  /** Asks the worker to die after it has paid and before it answers. */
  readonly die?: boolean;
}

/** Pays for an order. @returns what happened, in words. */
async function pay(order: string, amount: number, options: Options = {}): Promise<string> {
  const { idempotencyKey, die = false } = options;
  const request = {
    method: 'POST',
    key: order,
    headers: { 'content-type': 'application/json', ...(die ? { 'x-die': 'yes' } : {}) },
    body: JSON.stringify({ order, amount }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  for (let tries = 1; tries <= 5; tries += 1) {
    const response = await client.request('/payments', request).catch(() => undefined);
    if (response?.ok) {
      const { attempt } = (await response.json()) as { attempt: number };
      const replayed = response.headers.has('idempotent-replayed') ? ', replayed' : '';
      return `paid at attempt ${attempt}${replayed}`;
    }
    const { code = 'no_answer' } = ((await response?.json()) ?? {}) as { code?: string };
    // 429 and 503 say that it was not done. After anything else it may have been done: a repeat is safe only
    // under the key.
    const notDone = response?.status === 429 || response?.status === 503;
    const unknown = ['no_answer', 'reply_timeout', 'outcome_unknown', 'worker_died'].includes(code);
    if (unknown && idempotencyKey === undefined) return `${code}; ${await lookUp(order)}`;
    // Under the key, these two are final: a repeat gets the same answer.
    if (code === 'outcome_unknown' || code === 'worker_died') return `${code}; ${await lookUp(order)}`;
    if (!notDone && !unknown) return `refused: ${response?.status} ${code}`;
    await delay(1000 * Number(response?.headers.get('retry-after') ?? 1));
  }
  return lookUp(order);
}

async function lookUp(order: string): Promise<string> {
  const response = await client.request(`/payments?order=${order}`, { key: order });
  const payments = (await response.json()) as unknown[];
  return `looked up: ${payments.length === 0 ? 'not paid' : 'paid'}`;
}

const run = randomUUID();
const [first, second, third] = [`${run}-1`, `${run}-2`, `${run}-3`];
const idempotencyKey = randomUUID();

console.log('order 1:', await pay(first, 10, { idempotencyKey }));
console.log('order 1, sent again:', await pay(first, 10, { idempotencyKey }));
console.log('order 1, another amount:', await pay(first, 20, { idempotencyKey }));
console.log('order 2, its worker dies:', await pay(second, 10, { idempotencyKey: randomUUID(), die: true }));
console.log('order 3, no key, its worker dies:', await pay(third, 10, { die: true }));

for (const [at, order] of [first, second, third].entries()) {
  const response = await client.request(`/payments?order=${order}`, { key: order });
  const payments = (await response.json()) as { amount: number }[];
  console.log(`payments of order ${at + 1}: ${payments.map(({ amount }) => amount).join(', ')}`);
}
