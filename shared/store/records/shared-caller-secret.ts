import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { GarbledError, KeyRepair } from '../repair/key-repair.ts';

const form = /^[\w-]{43}$/;
const isSecret = (text: string): boolean => form.test(text);

/** The secret of callers that all gateways share through Redis. */
export class SharedCallerSecret {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /** @returns the secret; undefined if there is none. A secret that cannot be read is moved aside. */
  read(): Promise<string | undefined> {
    const { callerSecret: key } = this.#keys;
    const read = async (): Promise<string | undefined> => {
      const text = await this.#redis.get(key);
      if (text === null) return undefined;
      if (!isSecret(text)) throw new GarbledError('the secret of callers cannot be read');
      return text;
    };
    return this.#repair.withRepair(read, () => [{ key, type: 'string', fits: isSecret }]);
  }

  /**
   * Writes a secret if there is none.
   * @param secret 32 bytes in base64url.
   * @returns the secret that is there then: this one, or one that another gateway wrote first.
   */
  async writeIfMissing(secret: string): Promise<string> {
    const first = await this.#redis.set(this.#keys.callerSecret, secret, 'NX', 'GET');
    return first ?? secret;
  }

  /** Asks the gateways that run to write their secret. @returns how many were asked. */
  askOthers(): Promise<number> {
    return this.#redis.publish(this.#keys.callerSecretSought, '');
  }
}
