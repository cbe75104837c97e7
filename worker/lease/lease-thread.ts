import type { MessagePort } from 'node:worker_threads';
import { inStep } from '#shared/process/in-step.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';
import type { ProtocolTrace } from '#shared/trace/protocol-trace.ts';
import { KeptLeases } from './kept-leases.ts';
import { LineLog } from './line-log.ts';
import { LoopWatch } from './loop-watch.ts';
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from './messages.ts';
import { ReplicaLease } from './replica-lease.ts';
import type { SharedLease } from './replica-lease.ts';
import { SharedAnswers } from './shared-answers.ts';
import { SharedNumbers } from './shared-numbers.ts';
import { SharedSkew } from './shared-skew.ts';
import { exitStalled } from './stalled-exit.ts';
import { touch } from './touch.ts';

/** How often the thread checks the main thread's event loop, in ms. */
const checkMs = 100;
/** If the event loop is stalled for this time in ms, no more jobs are delivered directly to its consumers. */
const withdrawAfterMs = 250;

/**
 * The lease thread renews the leases that it is told to keep, and watches the main thread's event loop:
 *
 *   turning --no turn for `withdrawAfterMs`--> stalled: withdraws the consumers, and tells the main thread
 *   stalled --a turn--> turning
 *   stalled --no turn for `handlerStallMs`--> ending: ends the leases and kills the process
 *   stalled --another worker has the replica's lease--> killed; a hosted one only after `handlerStallMs`
 */
export class LeaseThread {
  readonly #data: LeaseThreadData;
  readonly #port: MessagePort;
  readonly #connection: Connection;
  readonly #trace: ProtocolTrace | undefined;
  readonly #log: LineLog;
  readonly #leases: KeptLeases;
  readonly #loop = new LoopWatch(checkMs);
  readonly #turns: Int32Array;
  readonly #skew: SharedSkew;
  readonly #numbers: SharedNumbers;
  readonly #answers: SharedAnswers;
  readonly #endTimers: readonly (() => void)[];
  #state: 'turning' | 'stalled' | 'ending' = 'turning';
  #superseded = false;

  constructor(data: LeaseThreadData, port: MessagePort) {
    const { redisUrl: url, namespace, replica, leaseMs, healthFile, logLevel, turns } = data;
    this.#data = data;
    this.#port = port;
    this.#log = new LineLog(logLevel, { role: 'worker', pid: process.pid, replica });
    const name = `worker:${replica}:lease`;
    this.#trace = openTrace(data.protocolTrace, 'lease', replica);
    const options = { url, namespace, name, use: 'patient', trace: this.#trace } as const;
    this.#connection = openConnection(options, this.#log);
    this.#turns = new Int32Array(turns);
    this.#skew = new SharedSkew(data.skew);
    this.#numbers = new SharedNumbers(data.numbers);
    this.#answers = new SharedAnswers(data.answers);
    this.#leases = new KeptLeases({
      onOwnRenewed: () => {
        if (healthFile !== undefined) touch(healthFile, this.#log);
      },
      onSuperseded: (lease) => {
        this.#superseded ||= lease.own;
        this.#post({ is: 'superseded', replica: lease.replica });
      },
      log: this.#log,
    });
    this.#endTimers = [
      inStep(leaseMs / 3, () => this.#leases.renewAll()),
      inStep(checkMs, () => this.#check()),
    ];
    port.on('message', (message: ToLeaseThread) => void this.#onMessage(message));
    this.#post({ is: 'ready' });
  }

  #post(message: FromLeaseThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port is no window
    this.#port.postMessage(message);
  }

  /** Never rejects. */
  async #onMessage(message: ToLeaseThread): Promise<void> {
    if (this.#state === 'ending') return;
    switch (message.do) {
      case 'keep':
        this.#leases.keep(this.#shared(message.lease), message.state);
        return;
      case 'renew':
        await this.#renew(message);
        return;
      case 'release':
        await this.#leases.release(message.replica);
        this.#post({ is: 'released', call: message.call });
        return;
      case 'stop':
        this.#stopTimers();
        this.#connection.close();
        this.#trace?.close();
        this.#port.close();
        return;
      default:
        message satisfies never;
    }
  }

  #shared(lease: SharedLease): ReplicaLease {
    const shared = { skew: this.#skew, numbers: this.#numbers, answers: this.#answers };
    return ReplicaLease.shared(this.#connection, lease, shared);
  }

  async #renew({ call, replica, state }: ToLeaseThread & { do: 'renew' }): Promise<void> {
    try {
      this.#post({ is: 'renewed', call, ours: await this.#leases.renew(replica, state) });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      this.#post({ is: 'refused', call, name, message });
    }
  }

  #check(): void {
    const stalledMs = this.#loop.check(Atomics.load(this.#turns, 0), performance.now());
    const { all } = this.#leases;
    const stalled = stalledMs >= withdrawAfterMs;
    const { hosted = false, handlerStallMs } = this.#data;
    if (this.#superseded && (hosted ? stalledMs >= handlerStallMs : stalled)) {
      // Redis refuses all further writes of this worker, and its main thread cannot exit by itself.
      process.kill(process.pid, 'SIGKILL');
    } else if (all.length > 0 && stalledMs >= handlerStallMs) {
      this.#end(all);
    } else if (!stalled) {
      this.#state = 'turning';
    } else if (this.#state === 'turning') {
      this.#state = 'stalled';
      void this.#withdraw(all);
    }
  }

  #end(leases: readonly ReplicaLease[]): void {
    this.#state = 'ending';
    // A renewal would take back a lease that has ended.
    this.#stopTimers();
    const reason = `its event loop stood still for ${this.#data.handlerStallMs} ms`;
    const { aheadMs } = this.#skew;
    const options = { ...this.#data, connection: this.#connection, aheadMs, log: this.#log };
    void exitStalled(options, leases, reason);
  }

  #stopTimers(): void {
    for (const end of this.#endTimers) end();
  }

  /** Tells the main thread once Redis has done it, so that the next registrations of its consumers stay. */
  async #withdraw(leases: readonly ReplicaLease[]): Promise<void> {
    const withdrawn = await Promise.allSettled(leases.map((lease) => lease.withdraw()));
    for (const each of withdrawn) {
      if (each.status === 'fulfilled') continue;
      const err: unknown = each.reason;
      this.#log.warn({ err }, 'jobs are still delivered directly to a worker that is stalled');
    }
    if (withdrawn.some((each) => each.status === 'fulfilled' && each.value)) this.#post({ is: 'withdrawn' });
  }
}
