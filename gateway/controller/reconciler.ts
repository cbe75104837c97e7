import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { retiredIdleMs } from '#shared/settings/common.ts';
import type { HeirStore } from '#shared/store/ring/heir-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import { SystemRepair } from '#shared/store/ring/system-repair.ts';
import type { ReplicaObserver } from '#shared/store/ring/replica-observer.ts';
import { RingChanges } from '#shared/store/ring/ring-changes.ts';
import type { RingNotice } from '#shared/store/ring/ring-changes.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { StatusPublisher } from '#shared/store/ring/status-publisher.ts';
import type { Driver } from '../drivers/driver.ts';
import { deathsBetween } from './deaths.ts';
import { JoinWatch } from '../joins/join-watch.ts';
import { OutlierWatch } from '../outliers/outlier-watch.ts';
import type { OutlierConfig } from '../outliers/outlier-settings.ts';
import { DesiredNotes } from './desired-notes.ts';
import { EndedWorkers } from './ended-workers.ts';
import { Execution } from './execute.ts';
import { Leadership } from './leadership.ts';
import { LeaseGrace } from './lease-grace.ts';
import { observe } from './observe.ts';
import type { Observed } from './observe.ts';
import { PassTime } from './pass-time.ts';
import { plan } from './plan.ts';
import type { Memory, Plan } from './plan.ts';
import { RingRecovery } from './ring-recovery.ts';
import { Rollout } from './rollout.ts';
import { SleepEvents } from './sleep-events.ts';
import type { Step } from './step.ts';

export interface ReconcilerOptions {
  /** A patient connection. */
  readonly connection: Connection;
  /** A patient connection for subscriptions alone; others may share it. */
  readonly changes: Connection;
  readonly store: RingStore;
  readonly heirs: HeirStore;
  readonly observer: ReplicaObserver;
  readonly driver: Driver;
  readonly controller: string;
  readonly parameters: RingParameters;
  /** Replicas of a new namespace. */
  readonly replicas: number;
  /** The servers that UPSTREAMS lists. */
  readonly upstreams: readonly string[];
  /** Replicas that may be started. */
  readonly maxReplicas: number;
  /** Makes the name of a replica that replaces a dead one; undefined: it has the dead one's. */
  readonly newName: (() => string) | undefined;
  readonly failoverMs: number;
  readonly slowStartMs: number;
  readonly startTimeoutMs: number;
  /** Time in ms after which an idle replica is put to sleep; 0: none is. */
  readonly sleepAfterMs: number;
  /** Time in ms that the workers have to finish what they hold when the controller stops. */
  readonly drainTimeoutMs: number;
  /** The same for a worker that is replaced. */
  readonly retireMs: number;
  readonly leaseMs: number;
  /** How many new workers may start at once for outdated ones. */
  readonly rolloutsAtOnce: number;
  /** Time in ms for which a joined replica without a worker stays desired; undefined: none joins. */
  readonly leaveAfterMs: number | undefined;
  /** Undefined: outlier detection is off. */
  readonly outliers: OutlierConfig | undefined;
  readonly log: Logger;
}

/** A pass is made after each event, and at least this often without one, in ms. */
const passIntervalMs = 500;

/**
 * Makes the running replicas the desired ones, over and over: observe, plan, execute. Events only
 * wake it; what it does follows from what it observes.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  readonly #leadership: Leadership;
  readonly #ended: EndedWorkers;
  readonly #grace: LeaseGrace;
  readonly #recovery: RingRecovery;
  readonly #repair: SystemRepair;
  readonly #time: PassTime;
  readonly #execution: Execution;
  readonly #status: StatusPublisher;
  readonly #rollout = new Rollout();
  readonly #outliers: OutlierWatch;
  readonly #joins: JoinWatch;
  readonly #sleepEvents: SleepEvents;
  #memory: Memory = new Map();
  #ledAs: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  #woken = false;
  #stopped = false;
  #unwatch: () => void = () => undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    const { connection, store, controller, leaseMs, log } = options;
    const clock = clockOf(connection);
    const onStandbyEnded = (replica: string, reason: string): void =>
      this.#rollout.failed(replica, reason, performance.now());
    this.#leadership = new Leadership({ connection, controller, leaseMs, log, onChange: () => this.wake() });
    this.#ended = new EndedWorkers({ ...options, clock, onStandbyEnded });
    this.#grace = new LeaseGrace(leaseMs);
    const notes = new DesiredNotes(options.maxReplicas, log);
    this.#recovery = new RingRecovery({ ...options, grace: this.#grace, notes });
    this.#repair = new SystemRepair(connection, store, log);
    this.#time = new PassTime(clock);
    this.#status = new StatusPublisher(connection, options.driver.kind);
    this.#joins = new JoinWatch(options);
    this.#sleepEvents = new SleepEvents(connection);
    this.#outliers = new OutlierWatch({ ...options, config: options.outliers });
    this.#execution = new Execution({
      ...options,
      token: () => this.token,
      onFailure: (step, error) => this.#onStepFailed(step, error),
    });
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /**
   * Stops reconciling, gives the leadership up, and closes the driver with the workers that it does not keep.
   */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** The leadership's token while this controller certainly leads. */
  get token(): string | undefined {
    return this.#stopped ? undefined : this.#leadership.token;
  }

  /** Makes a pass soon; calls while one is in progress lead to one more. */
  wake(): void {
    this.#woken = true;
    if (this.#pass !== undefined || this.#stopped) return;
    this.#pass = this.#passes().finally(() => {
      this.#pass = undefined;
    });
  }

  /** The workers were given something else to run: what has failed before is tried at once. */
  startAnew(): void {
    this.#rollout.done();
    this.#memory = new Map(Array.from(this.#memory, ([name, status]) => [name, { ...status, failures: 0 }]));
    this.wake();
  }

  async #start(): Promise<void> {
    const { changes, driver, leaseMs } = this.#options;
    this.#unwatch = driver.watch((death) => {
      this.#ended.add(death);
      this.wake();
    });
    await new RingChanges(changes).subscribe((notice) => this.#onNotice(notice));
    await driver.start();
    await this.#leadership.start();
    // If passes were further apart, the time between two would look like a time in which Redis was away.
    this.#timer = setInterval(() => this.wake(), Math.min(passIntervalMs, leaseMs / 4));
    this.wake();
  }

  async #stop(): Promise<void> {
    const { driver, drainTimeoutMs, log } = this.#options;
    this.#stopped = true;
    this.#ended.stop();
    clearInterval(this.#timer);
    await this.#pass;
    await this.#execution.idle();
    await this.#leadership.stop();
    await driver.close(drainTimeoutMs);
    this.#unwatch();
    // The next start need not wait until the leases of the workers expire that ended with this process.
    await this.#ended.endLeases().catch((error: unknown) => {
      log.info({ err: error }, 'the leases of workers that ended expire by themselves');
    });
  }

  #onNotice(notice: RingNotice): void {
    if (notice.kind === 'resigned') void this.#leadership.ask().catch(() => undefined);
    if (notice.kind === 'repair') void this.#repairAfter(notice.error, notice.names);
    this.wake();
  }

  #onStepFailed(step: Step, error: unknown): void {
    this.#options.log.error({ err: error, replica: step.name }, `${step.do} failed`);
    const reason = safeMessage(error);
    if (step.do === 'start') this.#ended.addUnstarted(step.name, reason);
    if (step.do === 'standby') this.#rollout.failed(step.name, reason, performance.now());
    void this.#repairAfter(error, [step.name]).then(() => this.wake());
  }

  async #passes(): Promise<void> {
    // Events of one turn of the event loop lead to one pass.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#woken && !this.#stopped) {
      this.#woken = false;
      try {
        await this.#reconcile();
      } catch (error) {
        if (this.#stopped) return;
        this.#options.log.error({ err: error }, 'a pass of the controller failed');
        // The published status may be moved aside too.
        this.#status.forget();
        if (await this.#repairAfter(error, this.#ended.names)) this.#woken = true;
      }
    }
  }

  /** @returns whether something was moved aside, so that the next pass may succeed. */
  async #repairAfter(error: unknown, names: readonly string[]): Promise<boolean> {
    const moved = await this.#repair.after(error, names);
    // Workers whose leases were moved aside are about to renew them.
    if (moved) this.#grace.begin();
    return moved;
  }

  async #reconcile(): Promise<void> {
    await this.#ended.endLeases();
    if (!this.#leads()) {
      this.#ended.takeReasons();
      return;
    }
    const observed = await this.#observe();
    // If the plan did not know of an end, the next pass would take it for the end of the worker that this
    // plan starts.
    if (this.#ended.pending || (await this.#recovery.recover(observed))) {
      this.#woken = true;
      return;
    }
    if (this.#options.sleepAfterMs > 0)
      await this.#sleepEvents.mark(new Set(observed.desired.map(({ name }) => name)));
    const { steps, memory } = this.#plan(observed);
    const counts = countsOf(this.#options.connection);
    for (const reason of deathsBetween(this.#memory, memory)) counts.add(`deaths:${reason}`);
    this.#memory = memory;
    this.#ended.ready([...memory].flatMap(([name, { state }]) => (state === 'ready' ? [name] : [])));
    await this.#execution.begin(steps);
    await this.#status.publish(memory, observed.trouble ?? this.#rollout.trouble);
    if (await this.#joins.pass(observed, memory, this.#leadership.token)) this.#woken = true;
    if (await this.#outliers.pass(observed, memory, this.#leadership.token)) this.#woken = true;
  }

  /** @returns whether this controller leads. What it remembers from before another one led is out of date. */
  #leads(): boolean {
    const { token } = this.#leadership;
    if (token !== this.#ledAs) {
      this.#memory = new Map();
      this.#status.forget();
      this.#ledAs = token;
    }
    return token !== undefined;
  }

  async #observe(): Promise<Observed> {
    const { store, observer, driver } = this.#options;
    const seen = await observe(store, observer, driver);
    const blind = this.#grace.observed(this.#leadership.late);
    return { ...seen, blind, starting: this.#execution.starting };
  }

  #plan(observed: Observed): Plan {
    if (!observed.instances.some(({ outdated }) => outdated)) this.#rollout.done();
    const { now, memory } = this.#time.begin(this.#memory);
    const mayRollOut = performance.now() >= this.#rollout.notBefore;
    const rolloutsAtOnce = mayRollOut ? this.#options.rolloutsAtOnce : 0;
    const settings = { ...this.#options, retiredIdleMs, rolloutsAtOnce };
    const planned = plan(observed, memory, this.#ended.takeReasons(), settings, now);
    // The new worker is ready to take over: what held the rollout up is over.
    const retired = planned.steps.filter((step) => step.do === 'retire');
    if (retired.length > 0) this.#rollout.done();
    for (const { name, generation } of retired) this.#ended.expect(name, generation);
    return planned;
  }
}
