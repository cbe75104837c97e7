import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import type { Address } from '../../process/redis-url.ts';
import type { Follower, MasterWatch } from './master-watch.ts';

/**
 * @returns what makes ioredis connect to the master that the watch knows. ioredis has a connector for
 * sentinels and a client for Clusters. The one would open connections to all sentinels for each connection,
 * and the other has neither several blocking reads at once nor commands that fail at once.
 */
export function masterConnector(watch: MasterWatch): NonNullable<RedisOptions['Connector']> {
  return class extends MasterConnector {
    constructor(options: unknown) {
      super(options as RedisOptions, watch); // ioredis gives its own
    }
  };
}

class MasterConnector extends AbstractConnector implements Follower {
  readonly #tls: RedisOptions['tls'];
  readonly #watch: MasterWatch;
  address: Address | undefined;
  /** The connection, until it is closed. */
  #open: Socket | undefined;

  constructor({ tls, disconnectTimeout = 2000 }: RedisOptions, watch: MasterWatch) {
    super(disconnectTimeout);
    this.#tls = tls;
    this.#watch = watch;
  }

  get wanted(): boolean {
    return this.connecting;
  }

  /** @returns whether the server is a master. A sentinel may not know yet that it no longer is. */
  override check(info: { readonly role?: string } | undefined): boolean {
    return info?.role === undefined || info.role === 'master';
  }

  /** Rejects only if it is no longer wanted: ioredis then ends the connection for good. */
  override async connect(): Promise<Socket> {
    this.connecting = true;
    this.address = undefined;
    const master = await this.#watch.find(this);
    if (master === undefined || !this.connecting) {
      this.#watch.part(this);
      throw new Error('Connection is closed.');
    }
    this.address = master;
    const stream =
      this.#tls === undefined ? createConnection(master) : connectTls({ ...master, ...this.#tls });
    this.stream = stream;
    this.#open = stream;
    stream.once('error', (error) => {
      this.firstError = error;
    });
    stream.once('close', () => {
      this.#open = undefined;
      this.address = undefined;
      this.#watch.part(this);
    });
    return stream;
  }

  override disconnect(): void {
    this.connecting = false;
    if (this.#open === undefined) this.#watch.part(this);
    // Each of many commands that fail together asks for it.
    else if (!this.#open.writableEnded) super.disconnect();
  }

  /** Breaks the connection, so that ioredis makes it anew. */
  leave(): void {
    this.address = undefined;
    this.#open?.destroy();
  }
}
