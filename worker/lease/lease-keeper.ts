import type { Worker } from 'node:worker_threads';
import type { LeaseState } from '#shared/contract/lease.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { ReplicaLease } from './replica-lease.ts';
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from './messages.ts';
import { SharedSkew } from './shared-skew.ts';
import { startLeaseThread } from './start-lease-thread.ts';

export interface LeaseKeeperOptions extends Omit<LeaseThreadData, 'turns' | 'skew'> {
  readonly clock: RedisClock;
  /** Of this process. */
  readonly env: NodeJS.ProcessEnv;
  /** Nothing is delivered directly to the consumers any more, until their next tick. */
  readonly onWithdrawn: () => void;
  /** The thread has ended by itself: no lease is renewed any more. */
  readonly onEnded: (error: Error) => void;
}

/** How often the event loop shows that it turns, in ms. */
const turnMs = 100;
/** What a call to the thread waits for. */
interface Call {
  readonly resolve: (ours: boolean) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Has a worker's leases renewed by a thread of its own, so that a handler that computes for long does not lose them. Who
 * wants to know whether a lease is certain need not ask the thread: it reads the time of the last renewal.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #turns = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #skew = new SharedSkew();
  readonly #onSuperseded = new Map<string, () => void>();
  readonly #calls = new Map<number, Call>();
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  #thread: Worker | undefined;
  #turning: NodeJS.Timeout | undefined;
  #lastCall = 0;
  #ready = false;
  #stopping = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    const { clock } = options;
    const tell = (): void => void (this.#skew.aheadMs = clock.aheadMs);
    tell();
    clock.onMeasured(tell);
  }

  /** Starts the thread; resolves when it renews the leases that it was given until then. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Ends the thread; leases that were not let go run out. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Whether the thread has started. Until then a lease is only renewed by {@link renew}. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * Has a lease renewed from now on that was just taken.
   * @param onSuperseded another worker has taken it; it is renewed no more.
   */
  keep(lease: ReplicaLease, state: LeaseState, onSuperseded: () => void): void {
    this.#onSuperseded.set(lease.replica, onSuperseded);
    this.#post({ do: 'keep', lease: lease.shared, state });
  }

  /**
   * Renews a lease that is kept now, and with this state from now on.
   * @returns false if another worker has taken it, or if it is not kept.
   * @throws what Redis refuses it with.
   */
  async renew(lease: ReplicaLease, state: LeaseState): Promise<boolean> {
    const { replica } = lease;
    if (this.#ready) return this.#call((call) => ({ do: 'renew', call, replica, state }));
    if (!this.#onSuperseded.has(replica)) return false;
    // The thread still starts. It goes on with the new state.
    this.#post({ do: 'keep', lease: lease.shared, state });
    const ours = await lease.renew(state);
    if (!ours) this.#onSuperseded.get(replica)?.();
    return ours;
  }

  /** Has a lease renewed no more. @returns once no renewal of it is under way. */
  async letGo({ replica }: ReplicaLease): Promise<void> {
    this.#onSuperseded.delete(replica);
    await this.#call((call) => ({ do: 'letGo', call, replica }));
  }

  #start(): Promise<void> {
    const { env, clock: _, onWithdrawn: __, onEnded, ...data } = this.#options;
    const buffers = { turns: this.#turns.buffer, skew: this.#skew.buffer };
    const thread = startLeaseThread(env, { ...data, ...buffers });
    this.#thread = thread;
    this.#turning = setInterval(() => Atomics.add(this.#turns, 0, 1), turnMs);
    const ready = Promise.withResolvers<void>();
    let failure: Error | undefined;
    thread.on('error', (error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    thread.on('exit', (code) => {
      if (this.#stopping) return;
      const error = failure ?? new Error(`the lease thread exited with code ${code}`);
      ready.reject(error);
      onEnded(error);
    });
    thread.on('message', (message: FromLeaseThread) => {
      if (message.is !== 'ready') {
        this.#hear(message);
        return;
      }
      this.#ready = true;
      ready.resolve();
    });
    return ready.promise;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#turning);
    const ended = new Promise((resolve) => this.#thread?.once('exit', resolve));
    this.#post({ do: 'stop' });
    await ended;
  }

  #hear(message: Exclude<FromLeaseThread, { is: 'ready' }>): void {
    switch (message.is) {
      case 'renewed':
        this.#answered(message.call)?.resolve(message.ours);
        return;
      case 'refused': {
        const error = Object.assign(new Error(message.message), { name: message.name });
        this.#answered(message.call)?.reject(error);
        return;
      }
      case 'letGo':
        this.#answered(message.call)?.resolve(true);
        return;
      case 'superseded':
        this.#onSuperseded.get(message.replica)?.();
        return;
      case 'withdrawn':
        this.#options.onWithdrawn();
        return;
      default:
        message satisfies never;
    }
  }

  #call(message: (call: number) => ToLeaseThread): Promise<boolean> {
    const call = (this.#lastCall += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#post(message(call));
    });
  }

  #answered(call: number): Call | undefined {
    const waiting = this.#calls.get(call);
    this.#calls.delete(call);
    return waiting;
  }

  #post(message: ToLeaseThread): void {
    this.#thread?.postMessage(message);
  }
}
