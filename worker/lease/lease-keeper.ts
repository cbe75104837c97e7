import type { Worker } from 'node:worker_threads';
import type { IdleTime, LeaseState, WorkerLoad } from '#shared/contract/lease.ts';
import { inStep } from '#shared/process/in-step.ts';
import { LoopDelay } from '#shared/process/loop-delay.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { ReplicaLease } from './replica-lease.ts';
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from './messages.ts';
import type { SharedAnswers } from './shared-answers.ts';
import { SharedNumbers } from './shared-numbers.ts';
import { SharedSkew } from './shared-skew.ts';
import { startLeaseThread } from './start-lease-thread.ts';

export interface LeaseKeeperOptions extends Omit<LeaseThreadData, 'turns' | 'skew' | 'numbers' | 'answers'> {
  /** What the main thread counts of its handler's answers. */
  readonly answers: SharedAnswers;
  readonly clock: RedisClock;
  /** @returns how long the worker has run nothing; undefined while it runs something. */
  readonly idle: () => IdleTime | undefined;
  /** Of this process. */
  readonly env: NodeJS.ProcessEnv;
  /** Returns how much of what it may run at once the worker runs now. */
  readonly load: () => WorkerLoad;
  /** Called when the consumers were withdrawn: until their next tick, no jobs are delivered directly. */
  readonly onWithdrawn: () => void;
  /** Called when the thread has ended by itself: leases are no longer renewed. */
  readonly onEnded: (error: Error) => void;
}

/** How often the main thread measures its heap, the delay of its event loop and its idle time, in ms. */
const measureMs = 1000;

/** A call to the thread that waits for its answer. */
interface Call {
  readonly resolve: (ours: boolean) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Has a worker's leases renewed by a thread of its own, so that a handler that computes for long does not
 * lose them. To know whether a lease is certain, the main thread reads the time of the last renewal and need
 * not ask the thread.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #turns = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #skew = new SharedSkew();
  readonly #numbers = new SharedNumbers();
  readonly #delay = new LoopDelay(() => void Atomics.add(this.#turns, 0, 1));
  readonly #onSuperseded = new Map<string, () => void>();
  readonly #calls = new Map<number, Call>();
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  #thread: Worker | undefined;
  #endMeasuring: (() => void) | undefined;
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

  /** Starts the thread. Resolves when it renews the leases that it was given until then. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Ends the thread. Leases that were not released expire. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Whether the thread has started. Until then a lease is only renewed by {@link renew}. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * Has a lease renewed from now on that was just taken.
   * @param onSuperseded called when another worker has taken it. It is then no longer renewed.
   */
  keep(lease: ReplicaLease, state: LeaseState, onSuperseded: () => void): void {
    this.#onSuperseded.set(lease.replica, onSuperseded);
    this.#post({ do: 'keep', lease: lease.shared, state });
  }

  /**
   * Renews a lease now, with the state that it has from now on.
   * @returns false if another worker has taken it, or if it is not kept.
   * @throws the error with which Redis refuses it.
   */
  async renew(lease: ReplicaLease, state: LeaseState): Promise<boolean> {
    const { replica } = lease;
    if (this.#ready) return this.#call((call) => ({ do: 'renew', call, replica, state }));
    if (!this.#onSuperseded.has(replica)) return false;
    // The thread is still starting. It continues with the new state.
    this.#post({ do: 'keep', lease: lease.shared, state });
    const ours = await lease.renew(state);
    if (!ours) this.#onSuperseded.get(replica)?.();
    return ours;
  }

  /** Stops renewing a lease. @returns once no renewal of it is in progress. */
  async release({ replica }: ReplicaLease): Promise<void> {
    this.#onSuperseded.delete(replica);
    await this.#call((call) => ({ do: 'release', call, replica }));
  }

  #start(): Promise<void> {
    const { env, onEnded } = this.#options;
    const thread = startLeaseThread(env, this.#threadData());
    this.#thread = thread;
    this.#delay.start();
    this.#measure();
    this.#endMeasuring = inStep(measureMs, () => this.#measure());
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
        this.#onMessage(message);
        return;
      }
      this.#ready = true;
      ready.resolve();
    });
    return ready.promise;
  }

  #measure(): void {
    const { idle, load } = this.#options;
    this.#numbers.set(process.memoryUsage().heapUsed, this.#delay.take(), load(), idle());
  }

  /** Only what the thread needs: the options may have more, which cannot be copied to a thread. */
  #threadData(): LeaseThreadData {
    const { redisUrl, namespace, replica, generation, leaseMs } = this.#options;
    const { handlerStallMs, endsLease, hosted, healthFile, logLevel, protocolTrace } = this.#options;
    return {
      redisUrl,
      namespace,
      replica,
      generation,
      leaseMs,
      handlerStallMs,
      endsLease,
      hosted,
      healthFile,
      logLevel,
      protocolTrace,
      turns: this.#turns.buffer,
      skew: this.#skew.buffer,
      numbers: this.#numbers.buffer,
      answers: this.#options.answers.buffer,
    };
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.#endMeasuring?.();
    this.#delay.stop();
    const ended = new Promise((resolve) => this.#thread?.once('exit', resolve));
    this.#post({ do: 'stop' });
    await ended;
  }

  #onMessage(message: Exclude<FromLeaseThread, { is: 'ready' }>): void {
    switch (message.is) {
      case 'renewed':
        this.#takeCall(message.call)?.resolve(message.ours);
        return;
      case 'refused': {
        const error = Object.assign(new Error(message.message), { name: message.name });
        this.#takeCall(message.call)?.reject(error);
        return;
      }
      case 'released':
        this.#takeCall(message.call)?.resolve(true);
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

  #takeCall(call: number): Call | undefined {
    const waiting = this.#calls.get(call);
    this.#calls.delete(call);
    return waiting;
  }

  #post(message: ToLeaseThread): void {
    this.#thread?.postMessage(message);
  }
}
