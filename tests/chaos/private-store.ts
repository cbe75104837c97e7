import { Redis } from 'ioredis';
import { startPrivateRedis } from '../../gateway/redis/private-redis.ts';
import type { PrivateRedis } from '../../gateway/redis/private-redis.ts';
import { refusedTo, roleUrl, testUsers } from '../fixtures/redis-users.ts';
import type { TestRole } from '../fixtures/redis-users.ts';

interface StoreOptions {
  readonly directory: string;
  /** The path of redis-server or valkey-server. */
  readonly binary: string;
  readonly port: number;
}

/** Of the systems under test. */
export const namespace = 'ringpost';

/** The Redis of a scenario: it can die, hang and come back with its data on the same port. */
export class PrivateStore {
  readonly #options: StoreOptions;
  #server: PrivateRedis;
  /** A patient connection for the suite's own looks and faults. */
  readonly eye: Redis;

  private constructor(options: StoreOptions, server: PrivateRedis) {
    this.#options = options;
    this.#server = server;
    this.eye = new Redis(server.url, {
      connectionName: 'chaos',
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    // It comes back by itself.
    this.eye.on('error', () => undefined);
  }

  static async start(options: StoreOptions): Promise<PrivateStore> {
    return new PrivateStore(options, await serve(options));
  }

  /** @returns how a role's user opens it. */
  urlOf(role: TestRole): string {
    return roleUrl(this.#server.url, namespace, role);
  }

  /** @returns what it has refused to the users of the roles since its last start. */
  refused(): Promise<string[]> {
    return refusedTo(this.eye, namespace);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL');
    await this.#server.stop();
  }

  /** Starts it again after {@link kill}; resolves when it has loaded its append-only file and answers. */
  async restart(): Promise<void> {
    this.#server = await serve(this.#options);
  }

  freeze(): void {
    process.kill(this.#server.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#server.pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    this.eye.disconnect();
    await this.kill();
  }
}

async function serve({ directory, binary, port }: StoreOptions): Promise<PrivateRedis> {
  const users = testUsers(namespace);
  const server = await startPrivateRedis({ directory, binary, portFrom: port, users, log: () => undefined });
  if (server.port === port) return server;
  await server.stop();
  throw new Error(`somebody has taken port ${port}, on which Redis was to come back`);
}
