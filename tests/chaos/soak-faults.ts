import { setTimeout as delay } from 'node:timers/promises';
import { changeReplicas } from './admin.ts';
import type { Cluster, Member } from './cluster.ts';
import { freePort } from './free-port.ts';
import { signalIfThere } from './replica-faults.ts';
import { badTrafficKinds } from './bad-traffic/soak-kinds.ts';
import type { Choose, Playground, SoakFault } from './soak-fault.ts';
import { streamsComeAndGo } from './streams/soak-kind.ts';

/**
 * At this number of replicas one is removed; at one less, one is added or removed; below that, one is added.
 */
const maxReplicas = 6;

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
        // If another fault has hit the member since, that fault restarts it.
        if (member.program === program) await cluster.restart(member);
      });
    };
    return { kind, detail: member.name, act };
  };

const onRedis =
  (kind: string, maxMs: number, act: (cluster: Cluster, ms: number) => Promise<void>): Choose =>
  async ({ cluster, random }) => {
    const ms = random.between(Math.min(1000, Math.floor(maxMs / 3)), maxMs);
    return { kind, detail: maxMs === 0 ? '' : `for ${ms} ms`, act: () => act(cluster, ms) };
  };

/** Adds a replica or removes one. @param after is called with the gateway that was asked. */
export const addOrRemove =
  (after: (url: string) => Promise<void> = async () => undefined): Choose =>
  async ({ cluster, random, meanwhile }) => {
    const names = await cluster.desired();
    const adds = names.length < maxReplicas - 1 || (names.length < maxReplicas && random.next() < 0.5);
    const { url } = random.pick(cluster.gateways);
    const victim = random.pick(names);
    const act = async (): Promise<void> =>
      meanwhile(async () => {
        // It may fail because the gateway or Redis is down. The soak does not depend on it.
        await (adds ? changeReplicas(url, 'add', []) : changeReplicas(url, 'rm', [victim])).catch(
          () => undefined,
        );
        await after(url);
      });
    return adds ? { kind: '/add', detail: '', act } : { kind: '/rm', detail: victim, act };
  };

const readOnly = onRedis('Redis read-only', 1000, async ({ redis }, ms) => {
  await redis.replicaof('127.0.0.1', await freePort());
  await delay(ms);
  await redis.replicaof('NO', 'ONE');
});

/** With several servers, the one that is read-only is the master of before. */
const switched: Choose = async ({ cluster: { store } }) =>
  store.switchOver && {
    kind: 'planned switch',
    detail: 'of the master',
    // It is refused while the last failover is not over.
    act: async () => {
      await store.switchOver?.().catch(() => undefined);
    },
  };

const readOnlyOrSwitched: Choose = (playground) =>
  (playground.cluster.store.switchOver === undefined ? readOnly : switched)(playground);

/** Kinds of faults that hit any system. Each entry is equally likely. */
export const anyKinds: readonly Choose[] = [
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
    await store.freeze();
    await delay(ms);
    store.thaw();
  }),
  onRedis('cut connections to Redis', 0, async ({ redis }) => {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }),
  onRedis('Redis full', 1000, async ({ store }, ms) => {
    await store.limitMemory('1mb');
    await delay(ms);
    await store.limitMemory('0');
  }),
  readOnlyOrSwitched,
  onRedis('FLUSHALL', 0, async ({ redis }) => {
    await redis.flushall();
  }),
  streamsComeAndGo,
  streamsComeAndGo,
  streamsComeAndGo,
  ...badTrafficKinds,
];

/** @returns a random fault that is possible now. */
export async function chooseFault(playground: Playground, kinds: readonly Choose[]): Promise<SoakFault> {
  for (;;) {
    const names = await playground.cluster.desired();
    const fault = names.length === 0 ? undefined : await playground.random.pick(kinds)(playground);
    if (fault !== undefined) return fault;
    await delay(50);
  }
}
