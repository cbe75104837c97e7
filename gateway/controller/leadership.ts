import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { LeaderLease } from '#shared/store/ring/leader-lease.ts';
import type { Connection } from '#shared/store/redis/connection.ts';

export interface LeadershipOptions {
  readonly connection: Connection;
  /** This controller's name. */
  readonly controller: string;
  /** The lease's TTL in ms; it is renewed three times as often. */
  readonly leaseMs: number;
  readonly onChange: () => void;
  readonly log: Logger;
}

/** At most one controller leads at a time: the one that holds the lease. Its token fences what it writes. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #lease: LeaderLease;
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  #token: string | undefined;
  #until = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#lease = new LeaderLease(options.connection, options.log);
  }

  /** Asks for the leadership, and keeps asking. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Gives the leadership up. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** The token while this controller certainly leads. The TTL counts from before the lease was asked for. */
  get token(): string | undefined {
    return performance.now() < this.#until ? this.#token : undefined;
  }

  /** Whether the lease could not be renewed in time: workers may be unable to renew theirs too. */
  get late(): boolean {
    return this.#until - performance.now() < this.#options.leaseMs / 2;
  }

  /** Asks now, without waiting for the timer: after another controller resigned. */
  ask(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #start(): Promise<void> {
    await this.ask();
    this.#timer = setInterval(() => {
      this.ask().catch((error: unknown) =>
        this.#options.log.warn({ err: error }, 'the leadership could not be renewed'),
      );
    }, this.#options.leaseMs / 3);
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#asking?.catch(() => undefined);
    const token = this.#token;
    this.#token = undefined;
    if (token === undefined) return;
    await this.#lease.resign(token).catch((error: unknown) => {
      this.#options.log.info({ err: error }, 'the leadership expires by itself');
    });
  }

  async #ask(): Promise<void> {
    const { controller, leaseMs, log, onChange } = this.#options;
    const asked = performance.now();
    const token = await this.#lease.take(controller, leaseMs);
    const before = this.#token;
    this.#token = token;
    if (token !== undefined) this.#until = asked + leaseMs;
    if (before === this.#token) return;
    log.info({ token }, token === undefined ? 'another controller leads' : 'leading');
    onChange();
  }
}
