import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseLease } from '#shared/contract/lease.ts';
import { garbageOf, keysInUse } from '../fixtures/garbage.ts';
import type { Garbage } from '../fixtures/garbage.ts';
import { keyOf } from '../fixtures/ring-keys.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway, System } from '../fixtures/system.ts';

const system = useSystem();
/** A worker that sees a higher fence than its own concludes that it is superseded, and ends. */
const taken = '{S1}:fence that is "1e400"';
/** The longest time for which a garbled key may cause trouble, in ms. */
const repairedWithinMs = 5000;

describe.each(['batched', 'stock'])('with the %s consumer', (consumer) => {
  it.each(['ring', 'S1'])(
    'garbled keys of %s are moved aside under load, and no worker ends',
    async (part) => {
      const running = await system().start({
        REPLICAS: '2',
        LEASE_MS: '1500',
        CONSUMER: consumer,
        HANDLER: handlerFile('ledger'),
      });
      const { keys, redis } = system();
      let pids = await pidsOf(system());
      const load = underLoad(running);
      // The stock consumer does not register for direct delivery. With the batched one no job waits, so
      // nobody writes a marker. Whoever adds a job that waits moves a garbled marker aside.
      const unused = [consumer === 'stock' ? keys.consumer('S1') : keys.marker('S1')];
      // Only controllers of containers read it.
      unused.push(keys.configKey);
      const all = keysInUse(keys, 'S1').filter(
        ({ key }) => key.includes(`{${part}}`) && !unused.includes(key),
      );
      const faults: string[] = [];
      for (const garbage of all.flatMap(garbageOf)) {
        await garbage.spoil(redis);
        const repaired = await within(repairedWithinMs, () => isRepaired(system(), garbage));
        if (!repaired) faults.push(`${garbage.what}: still there`);
        const statuses: number[][] = [];
        const served = await within(repairedWithinMs, async () => {
          const now = await answers(running);
          statuses.push(now);
          return now.every((status) => status === 200);
        });
        if (!served) faults.push(`${garbage.what}: ${JSON.stringify(statuses.slice(-2))}`);
        const now = await pidsOf(system());
        if (!isDeepStrictEqual(now, pids) && garbage.what !== taken)
          faults.push(`${garbage.what}: workers ${pids.join()} are ${now.join()}`);
        pids = now;
      }
      const bad = (await load.end()).filter((status) => ![200, 502, 503].includes(status));
      expect({ faults, bad }).toEqual({ faults: [], bad: [] });
      const metrics = await (await fetch(`${running.url}/-/metrics`)).text();
      expect(Number(/^ringpost_moved_aside (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
    },
    240_000,
  );
});

async function isRepaired({ redis }: System, { expected }: Garbage): Promise<boolean> {
  const { key, type, fits } = expected;
  const now = await redis.type(key);
  if (now === 'none') return true;
  if (now !== type) return false;
  return fits === undefined || fits((await redis.get(key).catch(() => null)) ?? '');
}

/** @returns whether `check` holds within `ms`. */
async function within(ms: number, check: () => Promise<boolean>): Promise<boolean> {
  const until = performance.now() + ms;
  for (;;) {
    if (await check()) return true;
    if (performance.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @returns the processes that serve the replicas, once both have one. */
async function pidsOf({ redis, keys }: System): Promise<number[]> {
  const pids: number[] = [];
  await within(repairedWithinMs, async () => {
    const leases = await Promise.all(
      ['S1', 'S2'].map((name) => redis.get(keys.lease(name)).catch(() => null)),
    );
    pids.splice(0, 2, ...leases.map((text) => parseLease(text ?? '')?.pid ?? 0));
    return !pids.includes(0);
  });
  return pids;
}

async function answers({ url, gateway }: RunningGateway): Promise<number[]> {
  const ask = async (method: string, owner: string): Promise<number> => {
    const headers = { 'ringpost-key': keyOf(gateway, owner) };
    const signal = AbortSignal.timeout(2500);
    return (await fetch(`${url}/`, { method, headers, signal }).catch(() => ({ status: 0 }))).status;
  };
  return Promise.all(['S1', 'S2'].flatMap((owner) => [ask('GET', owner), ask('POST', owner)]));
}

/** Starts four clients that each send one request after another. */
function underLoad({ url }: RunningGateway): { end(): Promise<number[]> } {
  const statuses: number[] = [];
  const ended = new AbortController();
  const one = async (at: number): Promise<void> => {
    for (let times = 0; !ended.signal.aborted; times += 1) {
      const method = times % 3 === 0 ? 'POST' : 'GET';
      const headers = { 'ringpost-key': `${at}-${times}` };
      const response = await fetch(`${url}/load`, { method, headers }).catch(() => undefined);
      await response?.arrayBuffer();
      if (!ended.signal.aborted) statuses.push(response?.status ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const all = Array.from({ length: 4 }, (_, at) => one(at));
  return {
    end: async () => {
      ended.abort();
      await Promise.all(all);
      return statuses;
    },
  };
}
