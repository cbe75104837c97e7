import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { badPath } from '../bad-work.ts';
import type { Choose } from '../soak-fault.ts';
import { exchange } from './exchange.ts';
import { flood } from './flood.ts';
import { garbageJob } from './garblings.ts';
import { sendAsync, untilFinal } from './handed-over.ts';
import { openClients } from './leaving-clients.ts';

const mebibyte = 1024 * 1024;
/** Longer than the lease (3 s) and shorter than the stall (10 s), in ms. */
const computing = { minMs: 3500, maxMs: 6000 };
const endsWithinMs = 30_000;

/** Requests whose ids start with one of these end a worker. Their runs are in the ledger. */
export const deadlyPrefixes = { poison: 'poison-', exception: 'exception-' } as const;

const poison: Choose = async ({ cluster, random, disturbMeanwhile }) => {
  const { url } = random.pick(cluster.gateways);
  const path = badPath(deadlyPrefixes.poison + randomUUID(), random.pick(['exits', 'kills-itself'] as const));
  const isAsync = random.next() < 0.5;
  const act = async (): Promise<void> =>
    disturbMeanwhile(async () => {
      // It may be refused or lost if the gateway or Redis is down. The ledger shows how often it ran.
      if (isAsync)
        await sendAsync(url, path).then(
          (request) => untilFinal(request, endsWithinMs),
          () => undefined,
        );
      else await exchange(url, path, { timeoutMs: endsWithinMs });
    });
  return { kind: 'poison', detail: isAsync ? 'async' : 'plain', act };
};

const nastyFlood: Choose = async ({ cluster, random, meanwhile }) => {
  const ms = random.between(1000, 3000);
  const act = async (): Promise<void> =>
    meanwhile(async () => void (await flood(cluster.targets, { connections: 4, ms, judge: false })));
  return { kind: 'flood of nasty heads', detail: `for ${ms} ms`, act };
};

const vanishing: Choose = async ({ cluster, random, meanwhile }) => {
  const count = random.between(30, 120);
  const act = async (): Promise<void> =>
    meanwhile(async () => {
      const clients = await openClients(cluster.targets, count, (at) => ({
        path: badPath(`leaving-${randomUUID()}`, at % 2 === 0 ? 'drips' : 'hangs', 3000),
      }));
      await delay(700);
      clients.leave();
    });
  return { kind: 'clients that leave', detail: String(count), act };
};

const giant: Choose = async ({ cluster, random, meanwhile }) => {
  const size = random.pick([16, 64, 200]);
  const { url } = random.pick(cluster.gateways);
  const act = async (): Promise<void> =>
    meanwhile(async () => {
      await exchange(url, badPath(`giant-${randomUUID()}`, 'giant', size * mebibyte));
    });
  return { kind: 'giant answer', detail: `${size} MiB`, act };
};

const compute: Choose = async ({ cluster, random, disturbMeanwhile }) => {
  const ms = random.between(computing.minMs, computing.maxMs);
  const { url } = random.pick(cluster.gateways);
  const act = async (): Promise<void> =>
    disturbMeanwhile(async () => {
      await exchange(url, badPath(`computing-${randomUUID()}`, 'computes', ms));
    });
  return { kind: 'computing handler', detail: `for ${ms} ms`, act };
};

const careless: Choose = async ({ cluster, random, meanwhile }) => {
  const { url } = random.pick(cluster.gateways);
  const act = async (): Promise<void> =>
    meanwhile(async () => {
      await exchange(url, badPath(`careless-${randomUUID()}`, 'leaves-rejection'));
    });
  return { kind: 'unhandled rejection', detail: '', act };
};

const exception: Choose = async ({ cluster, random, disturbMeanwhile }) => {
  const { url } = random.pick(cluster.gateways);
  const act = async (): Promise<void> =>
    disturbMeanwhile(async () => {
      await exchange(url, badPath(deadlyPrefixes.exception + randomUUID(), 'leaves-exception'));
    });
  return { kind: 'uncaught exception', detail: '', act };
};

const garbled: Choose = async ({ cluster, random }) => {
  const { what, act } = garbageJob(random.pick(await cluster.desired()), random.between(0, 9));
  return { kind: 'garbled job', detail: what, act: () => act(cluster) };
};

/** Bad traffic as faults of the soak. */
export const badTrafficKinds: readonly Choose[] = [
  poison,
  nastyFlood,
  vanishing,
  giant,
  compute,
  careless,
  exception,
  garbled,
];
