import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../cluster.ts';
import { leaderOf } from '../leader.ts';
import { killAndReplace, signalIfThere, workerOf } from '../replica-faults.ts';
import { ownerAmong } from '../stage.ts';
import type { Stage } from '../stage.ts';
import { isIn, areAsleep, untilRing } from './watch-ring.ts';

/** The key that has many of the requests. */
export const hotKey = 'hot';
/** The replicas at the start of each scenario, but for autoscaling. */
export const replicas = 5;
/** The replica that takes several times as long, if one does. */
export const slowReplica = 'S2';
/** A replica whose keys are used while the others are idle. */
export const busyReplica = 'S1';
const others = ['S2', 'S3', 'S4', 'S5'];

const ownerOfHotKey = ownerAmong(replicas)(hotKey) ?? busyReplica;

/** What a fault can use besides the stage. */
export interface Scene extends Stage {
  /** Lets requests have all keys, after those of {@link busyReplica} alone. */
  widen(): void;
  /** Adds a few words to the row of the report. */
  note(words: string): void;
}

/** Kills the owner of the hot key, then a replica that requests have spilled to. */
export async function killWorkers({ cluster, load, fault }: Scene): Promise<void> {
  const another = others.find((name) => name !== ownerOfHotKey && name !== slowReplica) ?? busyReplica;
  for (const victim of [ownerOfHotKey, another, ownerOfHotKey]) {
    await fault(`kill -9 worker ${victim}`, () => killAndReplace(cluster, victim));
    await load.answered(300);
  }
}

/** Kills one gateway, whose counts of what is in progress go with it. */
export async function killGateway({ cluster, load, fault }: Scene): Promise<void> {
  const [victim] = cluster.gateways;
  if (victim === undefined) throw new Error('there is no gateway');
  for (let time = 0; time < 2; time += 1) {
    await fault('kill -9 gateway-1', async () => {
      await victim.program.end();
      await cluster.restart(victim);
    });
    await load.answered(400);
  }
}

/** Kills workers and a gateway, and cuts all connections to Redis. */
export async function killWhileRetrying(scene: Scene): Promise<void> {
  await killWorkers(scene);
  await killGateway(scene);
  await cutRedis(scene);
}

/** Cuts all connections to Redis, again and again. */
export async function cutRedis({ cluster, load, fault }: Scene): Promise<void> {
  await fault('cut connections to Redis', async () => {
    for (let time = 0; time < 10; time += 1) {
      await cluster.redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
      await cluster.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await delay(300);
    }
  });
  await load.answered(400);
}

/** Kills the leading controller, with all workers that it has started. */
async function killLeader({ cluster, fault }: Scene): Promise<void> {
  const { pid } = await workerOf(cluster, busyReplica);
  const leader = await leaderOf(cluster.controllers, pid);
  await fault(`kill -9 ${leader.name}`, async () => {
    await leader.program.end();
    await cluster.restart(leader);
    await cluster.untilHealthy();
  });
}

/** Waits until the slow replica is ejected, and kills its worker then; once more when it is back. */
export async function ejectAndKill(scene: Scene): Promise<void> {
  const { cluster, load, fault } = scene;
  const [url = ''] = cluster.targets;
  for (let time = 0; time < 2; time += 1) {
    await untilRing(url, `${slowReplica} is ejected`, (ring) => !isIn(ring, slowReplica));
    await fault(`kill -9 worker ${slowReplica}, which is ejected`, () =>
      killAndReplace(cluster, slowReplica),
    );
    await untilRing(url, `${slowReplica} is back`, (ring) => isIn(ring, slowReplica));
    await load.answered(200);
  }
  await killGateway(scene);
}

/** Wakes replicas by requests, and kills one's worker while it starts, then the leading controller. */
export async function wakeAndKill(scene: Scene): Promise<void> {
  const { cluster, load, fault } = scene;
  const [url = ''] = cluster.targets;
  await untilRing(url, `${others.join(', ')} sleep`, (ring) => areAsleep(ring, others));
  scene.widen();
  await fault('kill -9 of the first worker that is woken', async () => {
    const pid = await firstWorkerOf(cluster, others);
    signalIfThere(pid, 'SIGKILL');
    await load.answered(300);
  });
  await killLeader(scene);
  await load.answered(300);
}

/** @returns the pid of the first worker that one of these replicas has. */
async function firstWorkerOf(cluster: Cluster, names: readonly string[]): Promise<number> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    for (const name of names) {
      const lease = await cluster.lease(name);
      if (lease !== undefined) return lease.pid;
    }
    await delay(10);
  }
  throw new Error(`none of ${names.join(', ')} was woken`);
}

/** Waits until replicas are added, and kills workers and the leading controller meanwhile. */
export async function scaleAndKill(scene: Scene): Promise<void> {
  const { cluster, load, fault, note } = scene;
  const [url = ''] = cluster.targets;
  const before = (await cluster.desired()).length;
  await fault(`kill -9 worker ${busyReplica}`, () => killAndReplace(cluster, busyReplica));
  await untilRing(url, 'a replica is added', (ring) => ring.length > before);
  await killLeader(scene);
  await load.answered(1000);
  note(`${before} replicas at first, ${(await cluster.desired()).length} in the end`);
}

/** One after the other. */
export async function everything(scene: Scene): Promise<void> {
  await killWorkers(scene);
  await killGateway(scene);
  await cutRedis(scene);
  await killLeader(scene);
  await scene.load.answered(400);
}
