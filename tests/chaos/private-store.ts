import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../gateway/redis/private-redis.ts';
import type { PrivateRedis } from '../../gateway/redis/private-redis.ts';
import { refusedTo, roleUrl, testUsers } from '../fixtures/redis-users.ts';
import type { TestRole } from '../fixtures/redis-users.ts';
import type { Store } from './store.ts';

interface StoreOptions {
  readonly directory: string;
  /** The path of redis-server or valkey-server. */
  readonly binary: string;
  readonly port: number;
}

/** The namespace of the systems under test. */
export const namespace = 'ringpost';

/** The Redis of a scenario. It can be killed, frozen, and restarted with its data on the same port. */
export class PrivateStore implements Store {
  readonly #options: StoreOptions;
  #server: PrivateRedis;
  /** The suite's own connection, to observe and to inject faults. It waits for Redis without limit. */
  readonly observer: Redis;

  private constructor(options: StoreOptions, server: PrivateRedis) {
    this.#options = options;
    this.#server = server;
    this.observer = new Redis(server.url, {
      connectionName: 'chaos',
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    // The connection reconnects by itself.
    this.observer.on('error', () => undefined);
  }

  static async start(options: StoreOptions): Promise<PrivateStore> {
    return new PrivateStore(options, await serve(options));
  }

  urlOf(role: TestRole): string {
    return roleUrl(this.#server.url, namespace, role);
  }

  refused(): Promise<string[]> {
    return refusedTo(this.observer, namespace);
  }

  async kill(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL');
    await this.#server.stop();
  }

  async restart(): Promise<void> {
    this.#server = await serve(this.#options);
  }

  freeze(): void {
    process.kill(this.#server.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#server.pid, 'SIGCONT');
  }

  async limitMemory(bytes: string): Promise<void> {
    await this.observer.config('SET', 'maxmemory', bytes);
  }

  async stop(): Promise<void> {
    this.observer.disconnect();
    await this.kill();
  }
}

async function serve({ directory, binary, port }: StoreOptions): Promise<PrivateRedis> {
  const users = testUsers(namespace);
  const server = await startPrivateRedis({ directory, binary, portFrom: port, users, log: () => undefined });
  if (server.port === port) return server;
  await server.stop();
  throw new Error(`Redis cannot start on port ${port}: another process uses it`);
}
