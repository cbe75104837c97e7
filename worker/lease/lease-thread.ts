import type { MessagePort } from 'node:worker_threads';
import type { Redis } from 'ioredis';
import { createKeys } from '#shared/store/keys/keys.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { openRedis } from '#shared/store/redis/open-redis.ts';
import { ReplicaLease } from './replica-lease.ts';
import { KeptLeases } from './kept-leases.ts';
import { giveUp } from './last-words.ts';
import { LineLog } from './line-log.ts';
import { LoopWatch } from './loop-watch.ts';
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from './messages.ts';
import { SharedSkew } from './shared-skew.ts';
import { touch } from './touch.ts';

/** How often the thread looks at the main thread's event loop, in ms. */
const lookMs = 100;
/** A consumer whose event loop has stood still for this time in ms gets nothing more by direct delivery. */
const withdrawAfterMs = 250;

/**
 * What the lease thread does: it renews the leases that it is told to keep, and watches the main thread's event loop.
 *
 *   turning --the loop has not turned for `withdrawAfterMs`--> still: the consumers' words are taken back
 *   still --it turns--> turning: the main thread is told to wake the consumers
 *   still --it has not turned for `handlerStallMs`, or another worker has the replica's lease--> the process is ended
 */
export class LeaseThread {
  readonly #data: LeaseThreadData;
  readonly #port: MessagePort;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: LineLog;
  readonly #leases: KeptLeases;
  readonly #loop = new LoopWatch(lookMs);
  readonly #turns: Int32Array;
  readonly #skew: SharedSkew;
  readonly #timers: readonly NodeJS.Timeout[];
  #state: 'turning' | 'still' | 'ending' = 'turning';
  #superseded = false;

  constructor(data: LeaseThreadData, port: MessagePort) {
    const { redisUrl, namespace, replica, leaseMs, healthFile, logLevel, turns } = data;
    this.#data = data;
    this.#port = port;
    this.#log = new LineLog(logLevel, { role: 'worker', pid: process.pid, replica });
    this.#redis = openRedis(redisUrl, `${namespace}:worker:${replica}:lease`, 'patient', this.#log);
    this.#keys = createKeys(namespace);
    this.#turns = new Int32Array(turns);
    this.#skew = new SharedSkew(data.skew);
    this.#leases = new KeptLeases({
      onOwnRenewed: () => {
        if (healthFile !== undefined) touch(healthFile, this.#log);
      },
      onSuperseded: (lease) => {
        this.#superseded ||= lease.own;
        this.#tell({ is: 'superseded', replica: lease.replica });
      },
      log: this.#log,
    });
    this.#timers = [
      setInterval(() => this.#leases.renewAll(), leaseMs / 3),
      setInterval(() => this.#look(), lookMs),
    ];
    port.on('message', (message: ToLeaseThread) => void this.#obey(message));
    this.#tell({ is: 'ready' });
  }

  #tell(message: FromLeaseThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port is no window
    this.#port.postMessage(message);
  }

  /** Never rejects. */
  async #obey(message: ToLeaseThread): Promise<void> {
    if (this.#state === 'ending') return;
    switch (message.do) {
      case 'keep':
        this.#leases.keep(
          ReplicaLease.shared(this.#redis, this.#keys, message.lease, this.#skew),
          message.state,
        );
        return;
      case 'renew':
        await this.#renew(message);
        return;
      case 'letGo':
        await this.#leases.letGo(message.replica);
        this.#tell({ is: 'letGo', call: message.call });
        return;
      case 'stop':
        this.#rest();
        this.#redis.disconnect();
        this.#port.close();
        return;
      default:
        message satisfies never;
    }
  }

  async #renew({ call, replica, state }: ToLeaseThread & { do: 'renew' }): Promise<void> {
    try {
      this.#tell({ is: 'renewed', call, ours: await this.#leases.renew(replica, state) });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      this.#tell({ is: 'refused', call, name, message });
    }
  }

  #look(): void {
    const stoodMs = this.#loop.look(Atomics.load(this.#turns, 0), performance.now());
    const { all } = this.#leases;
    const still = stoodMs >= withdrawAfterMs;
    if (still && this.#superseded) {
      // What this worker still does is refused, and the main thread cannot leave by itself.
      process.kill(process.pid, 'SIGKILL');
    } else if (all.length > 0 && stoodMs >= this.#data.handlerStallMs) {
      this.#end(all);
    } else if (!still) {
      this.#state = 'turning';
    } else if (this.#state === 'turning') {
      this.#state = 'still';
      void this.#withdraw(all);
    }
  }

  #end(leases: readonly ReplicaLease[]): void {
    this.#state = 'ending';
    // A renewal would bring a lease back that is ended.
    this.#rest();
    const reason = `its event loop stood still for ${this.#data.handlerStallMs} ms`;
    const { aheadMs } = this.#skew;
    const options = { ...this.#data, redis: this.#redis, keys: this.#keys, aheadMs, log: this.#log };
    void giveUp(options, leases, reason);
  }

  #rest(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** The main thread is told once Redis has done it: what the consumers say from then on stands. */
  async #withdraw(leases: readonly ReplicaLease[]): Promise<void> {
    const withdrawn = await Promise.allSettled(leases.map((lease) => lease.withdraw()));
    for (const each of withdrawn) {
      if (each.status === 'rejected')
        this.#log.warn(
          { err: each.reason as unknown },
          'jobs are still delivered directly to a worker that stands still',
        );
    }
    if (withdrawn.some((each) => each.status === 'fulfilled' && each.value)) this.#tell({ is: 'withdrawn' });
  }
}
