import { setTimeout as delay } from 'node:timers/promises';
import { changeReplicas } from './admin.ts';
import type { Cluster, Member } from './cluster.ts';
import { freePort } from './free-port.ts';
import { signalIfThere } from './replica-faults.ts';
import { badTrafficKinds } from './bad-traffic/soak-kinds.ts';
import type { Choose, Playground, SoakFault } from './soak-fault.ts';

/** Replicas that there are at most before one is removed, and at least. */
const mostReplicas = 6;

const onWorker =
  (kind: string, signal: NodeJS.Signals): Choose =>
  async ({ cluster, random }) => {
    const replica = random.pick(await cluster.desired());
    const lease = await cluster.lease(replica);
    if (lease === undefined) return undefined;
    const act = async (): Promise<void> => signalIfThere(lease.pid, signal);
    return { kind, detail: `${replica} (pid ${lease.pid})`, replica, act };
  };

const frozenWorker: Choose = async ({ cluster, random, meanwhile }) => {
  const replica = random.pick(await cluster.desired());
  const lease = await cluster.lease(replica);
  const ms = random.between(500, 5000);
  if (lease === undefined) return undefined;
  const act = async (): Promise<void> => {
    signalIfThere(lease.pid, 'SIGSTOP');
    meanwhile(async () => {
      await delay(ms);
      signalIfThere(lease.pid, 'SIGCONT');
    });
  };
  return { kind: 'freeze worker', detail: `${replica} (pid ${lease.pid}) for ${ms} ms`, replica, act };
};

const onMember =
  (kind: string, members: (cluster: Cluster) => readonly Member[], signal: NodeJS.Signals): Choose =>
  async ({ cluster, random, meanwhile }) => {
    const member = random.pick(members(cluster));
    const act = async (): Promise<void> => {
      const { program } = member;
      program.kill(signal);
      meanwhile(async () => {
        await program.exited;
        // Another fault may have hit it since, and seen to its return.
        if (member.program === program) await cluster.restart(member);
      });
    };
    return { kind, detail: member.name, act };
  };

const onRedis =
  (kind: string, longestMs: number, act: (cluster: Cluster, ms: number) => Promise<void>): Choose =>
  async ({ cluster, random }) => {
    const ms = random.between(Math.min(1000, Math.floor(longestMs / 3)), longestMs);
    return { kind, detail: longestMs === 0 ? '' : `for ${ms} ms`, act: () => act(cluster, ms) };
  };

const addOrRemove: Choose = async ({ cluster, random, meanwhile }) => {
  const names = await cluster.desired();
  const adds = names.length < mostReplicas - 1 || (names.length < mostReplicas && random.next() < 0.5);
  const { url } = random.pick(cluster.gateways);
  const victim = random.pick(names);
  const act = async (): Promise<void> =>
    meanwhile(async () => {
      // A gateway that is away just now, or Redis, makes it fail; the soak does not depend on it.
      await (adds ? changeReplicas(url, 'add', []) : changeReplicas(url, 'rm', [victim])).catch(
        () => undefined,
      );
    });
  return adds ? { kind: '/add', detail: '', act } : { kind: '/rm', detail: victim, act };
};

/** All kinds of faults; each entry is as likely as the others. */
const kinds: readonly Choose[] = [
  onWorker('kill -9 worker', 'SIGKILL'),
  onWorker('kill -9 worker', 'SIGKILL'),
  onWorker('kill -9 worker', 'SIGKILL'),
  frozenWorker,
  onWorker('SIGTERM worker', 'SIGTERM'),
  onMember('kill -9 gateway', ({ gateways }) => gateways, 'SIGKILL'),
  onMember('SIGTERM gateway', ({ gateways }) => gateways, 'SIGTERM'),
  onMember('kill -9 controller', ({ controllers }) => controllers, 'SIGKILL'),
  onRedis('kill -9 Redis', 1500, async ({ store }, ms) => {
    await store.kill();
    await delay(ms);
    await store.restart();
  }),
  onRedis('freeze Redis', 5000, async ({ store }, ms) => {
    store.freeze();
    await delay(ms);
    store.thaw();
  }),
  onRedis('cut connections to Redis', 0, async ({ redis }) => {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }),
  onRedis('Redis full', 1000, async ({ redis }, ms) => {
    await redis.config('SET', 'maxmemory', '1mb');
    await delay(ms);
    await redis.config('SET', 'maxmemory', '0');
  }),
  onRedis('Redis read-only', 1000, async ({ redis }, ms) => {
    await redis.replicaof('127.0.0.1', await freePort());
    await delay(ms);
    await redis.replicaof('NO', 'ONE');
  }),
  onRedis('FLUSHALL', 0, async ({ redis }) => {
    await redis.flushall();
  }),
  addOrRemove,
  ...badTrafficKinds,
];

/** @returns a fault chosen at random that can be done now. */
export async function chooseFault(playground: Playground): Promise<SoakFault> {
  for (;;) {
    const names = await playground.cluster.desired();
    const fault = names.length === 0 ? undefined : await playground.random.pick(kinds)(playground);
    if (fault !== undefined) return fault;
    await delay(50);
  }
}
