import { Redis } from 'ioredis';
import { addressText } from '../../process/redis-url.ts';
import type { TargetOptions } from './access-options.ts';
import type { Address } from '../../process/redis-url.ts';

/** Longer than a round trip to another continent, shorter than a request waits for Redis. In ms. */
const timeoutMs = 500;

/** Connections to the servers that know which one is the master. Each is kept for the next question. */
export class Probes {
  readonly #options: TargetOptions;
  readonly #open = new Map<string, Redis>();

  /** @param options user, password and TLS. */
  constructor(options: TargetOptions) {
    this.#options = options;
  }

  /** Lets `question` use a connection. If it fails, the next one gets a new connection. */
  async ask<T>(address: Address, question: (redis: Redis) => Promise<T>): Promise<T> {
    const name = addressText(address);
    let redis = this.#open.get(name);
    if (redis === undefined) {
      redis = openProbe(address, this.#options);
      this.#open.set(name, redis);
    }
    try {
      return await question(redis);
    } catch (error) {
      redis.disconnect();
      if (this.#open.get(name) === redis) this.#open.delete(name);
      throw error;
    }
  }

  close(): void {
    for (const redis of this.#open.values()) redis.disconnect();
    this.#open.clear();
  }
}

function openProbe(address: Address, options: TargetOptions): Redis {
  const redis = new Redis({
    ...options,
    ...address,
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 100,
    disableClientInfo: true,
  });
  // The questions fail, too.
  redis.on('error', () => undefined);
  return redis;
}
