import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const count = 10_000;
const connections = 64;

/** Calls `act` for each number below `count`, up to `connections` at a time. */
async function forEach(act: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let at = next++; at < count; at = next++) await act(at);
    }),
  );
}

it(`${count} async requests get ${count} ids, and the same answers as plain requests`, async () => {
  const { url } = await system().start({
    REPLICAS: '3',
    HANDLER: handlerFile('recording'),
    RECORD_DIRECTORY: dirname(workers.ledger()),
  });
  const began = performance.now();
  const path = (at: number): string => `${url}/n?n=${at}`;
  const locations: string[] = [];
  await forEach(async (at) => {
    const response = await fetch(path(at), {
      headers: { prefer: 'respond-async', 'ringpost-key': `k${at}` },
    });
    expect(response.status).toBe(202);
    await response.arrayBuffer();
    locations[at] = response.headers.get('location') ?? '';
  });
  const accepted = performance.now();
  expect(new Set(locations).size).toBe(count);
  const differing: number[] = [];
  await forEach(async (at) => {
    const [later, waited] = await Promise.all([
      fetch(`${url}${locations[at]}/reply?wait=20`),
      fetch(path(at), { headers: { 'ringpost-key': `k${at}` } }),
    ]);
    const same =
      later.status === waited.status &&
      later.headers.get('ringpost-replica') === waited.headers.get('ringpost-replica') &&
      (await later.text()) === (await waited.text());
    if (!same) differing.push(at);
  });
  console.log(
    `${count} accepted in ${Math.round(accepted - began)} ms; ` +
      `compared in ${Math.round(performance.now() - accepted)} ms`,
  );
  expect(differing).toEqual([]);
});
