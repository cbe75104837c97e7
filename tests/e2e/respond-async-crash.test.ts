import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { crashAfterAccept } from '../fixtures/crash-after-accept.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const scratch = useScratch();
const system = useSystem();
const workers = useWorkers();
const count = 200;

interface Known {
  readonly state: string;
  readonly code?: string;
}

it('a request answered 202 is done and its answer can be fetched if all processes are killed', async () => {
  const settings = { HANDLER: workers.handler, LEDGER: workers.ledger() };
  const { url, accepted } = await crashAfterAccept(system(), await scratch(), count, settings);
  const ends = await Promise.all(
    accepted.map(async ({ at, method, location }) => {
      let known: Known = { state: 'unknown' };
      for (let times = 0; times < 20 && !['done', 'failed'].includes(known.state); times += 1) {
        const response = await fetch(`${url}${location}?wait=5`);
        if (response.status === 200) known = (await response.json()) as Known;
        else await delay(200);
      }
      const reply = await fetch(`${url}${location}/reply`);
      await reply.arrayBuffer();
      return { at, end: `${method} ${known.state} ${known.code ?? ''} ${reply.status}` };
    }),
  );
  const counts = Map.groupBy(ends, ({ end }) => end);
  console.log(`202, then killed: ${JSON.stringify([...counts].map(([end, some]) => [end, some.length]))}`);
  const allowed = ['GET done  200', 'POST done  200', 'POST failed outcome_unknown 502'];
  expect([...counts.keys()].filter((end) => !allowed.includes(end))).toEqual([]);
  const runs = await workers.runs();
  for (const { at, end } of ends) {
    const times = runs.filter((line) => line.includes(`/work-${at} `)).length;
    if (end === 'POST done  200') expect(times).toBe(1);
    if (end.startsWith('POST failed')) expect(times).toBeLessThanOrEqual(1);
    if (end.startsWith('GET')) expect(times).toBeGreaterThanOrEqual(1);
  }
});
