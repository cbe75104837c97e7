import type { Redis } from 'ioredis';
import { Redis as Client } from 'ioredis';
import { redisOptions } from '#shared/store/target/redis-options.ts';
import { startClusterGroup, startSentinelGroup } from '../fixtures/redis-group.ts';
import type { GroupOptions, RedisGroup } from '../fixtures/redis-group.ts';
import { makeUsers, refusedTo, roleUrl, usersMadeOn } from '../fixtures/redis-users.ts';
import type { TestRole } from '../fixtures/redis-users.ts';
import { until } from '../fixtures/redis-servers.ts';
import type { TestServer } from '../fixtures/redis-servers.ts';
import { freePort } from './free-port.ts';
import { namespace, PrivateStore } from './private-store.ts';
import type { Store } from './store.ts';

/**
 * Several Redis servers behind sentinels, or in a Cluster. A fault is one of the server that is the master.
 */
export class GroupStore implements Store {
  readonly #group: RedisGroup;
  readonly observer: Redis;
  #hit: TestServer | undefined;

  private constructor(group: RedisGroup) {
    this.#group = group;
    this.observer = new Client({
      ...redisOptions(group.url, namespace),
      connectionName: 'chaos',
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    // The connection reconnects by itself.
    this.observer.on('error', () => undefined);
  }

  static async start(
    kind: 'sentinel' | 'cluster',
    binary: string,
    options?: GroupOptions,
  ): Promise<GroupStore> {
    const start = kind === 'sentinel' ? startSentinelGroup : startClusterGroup;
    const group = await start(binary, { ...options, namespace });
    await makeUsers(group.url, namespace);
    return new GroupStore(group);
  }

  urlOf(role: TestRole): string {
    return roleUrl(this.#group.url, namespace, role);
  }

  refused(): Promise<string[]> {
    return refusedTo(this.observer, namespace);
  }

  switchOver(): Promise<void> {
    return this.#group.switchOver(namespace);
  }

  async untilReplaced(): Promise<void> {
    await until('another server is the master', async () => {
      return (await this.#group.master(namespace)) !== this.#hit;
    });
  }

  async noteMaster(): Promise<void> {
    this.#hit = await this.#group.master(namespace);
  }

  async kill(): Promise<void> {
    await this.noteMaster();
    await this.#hit?.kill();
  }

  /** Starts the server again that was killed, with all users; it may become the master again. */
  async restart(): Promise<void> {
    await this.#hit?.restart(usersMadeOn(this.#group.url));
  }

  async freeze(): Promise<void> {
    await this.noteMaster();
    this.#hit?.freeze();
  }

  thaw(): void {
    this.#hit?.thaw();
  }

  /** A replica ignores the limit until it is the master. */
  async limitMemory(bytes: string): Promise<void> {
    await Promise.all(this.#group.servers.map(({ redis }) => redis.config('SET', 'maxmemory', bytes)));
  }

  async stop(): Promise<void> {
    this.observer.disconnect();
    await this.#group.stop();
  }
}

/** @returns the Redis of a scenario. */
export async function startStore(
  kind: 'single' | 'sentinel' | 'cluster',
  directory: string,
  binary: string,
  group?: GroupOptions,
): Promise<Store> {
  if (kind !== 'single') return GroupStore.start(kind, binary, group);
  return PrivateStore.start({ directory, binary, port: await freePort() });
}
