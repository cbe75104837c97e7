// Submits jobs and waits for the callbacks: ADMIN_TOKEN=… node jobs.ts http://localhost:5000
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RingpostClient } from 'ringpost/client';
import { createReceiver } from './receiver.ts';
import type { JobEnded } from './receiver.ts';

const [url = 'http://localhost:5000'] = process.argv.slice(2);
const client = new RingpostClient(url, { adminToken: process.env['ADMIN_TOKEN'] ?? '' });

const ended: JobEnded[] = [];
let keys: readonly string[] = [];
const receiver = createReceiver(
  () => keys,
  (message) => {
    ended.push(message);
    receiver.emit('ended');
  },
);
await once(receiver.listen(0, '127.0.0.1'), 'listening');
const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
// An operator does this once for each receiver, and gives it the key.
keys = await client.receiverSecrets(origin);

const names = new Map<string, string>();

/** @param priority 0 runs first, 9 last. @returns the request's id. */
async function submit(job: string, priority: number, ms: number): Promise<string> {
  const { id } = await client.submit('/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ job, ms }),
    priority,
    callback: `${origin}/ended`,
  });
  names.set(id, job);
  return id;
}

const long = await submit('long', 9, 60_000);
while ((await client.status(long)).state === 'queued') await delay(50);
// What comes now waits for a free slot.
await Promise.all([
  submit('bulk', 9, 100),
  submit('bulk', 9, 100),
  submit('broken', 5, 100),
  submit('urgent', 0, 100),
  submit('urgent', 0, 100),
]);
console.log(`${names.size} jobs accepted`);
await client.cancel(long);

const forged = await fetch(`${origin}/ended`, {
  method: 'POST',
  body: JSON.stringify({ type: 'request.done', data: { id: 'forged' } }),
});
console.log(`forged callback: ${forged.status}`);

while (ended.length < names.size) await once(receiver, 'ended');
receiver.close();

console.log('in the order in which they ran:');
for (const { type, data } of ended.toSorted((a, b) => order(a) - order(b)))
  console.log(`${names.get(data.id)}: ${type}`);

function order({ data }: JobEnded): number {
  return Date.parse(data.times.started ?? '');
}
