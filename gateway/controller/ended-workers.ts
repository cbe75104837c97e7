import { logText } from '#shared/process/log-text.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { endLeasesOf } from '#shared/store/lease/ended-leases.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { Death, Driver } from '../drivers/driver.ts';
import type { Deaths } from './plan.ts';
import { UnloadedWorkers } from './unloaded-workers.ts';

export interface EndedWorkersOptions {
  readonly connection: Connection;
  readonly clock: RedisClock;
  readonly driver: Driver;
  readonly leaseMs: number;
  readonly log: Logger;
  /** Told of a worker that ended while it waited for the lease of an older one. */
  readonly onStandbyEnded: (replica: string, reason: string) => void;
}

/**
 * The workers that the driver saw end. Their leases are ended at once, so that nobody waits until they
 * expire; the next plan is told why each of them ended.
 */
export class EndedWorkers {
  readonly #options: EndedWorkersOptions;
  readonly #crashes: CrashNotes;
  readonly #unloaded: UnloadedWorkers;
  /** Those whose leases are still to be ended. */
  readonly #pending: Death[] = [];
  /** Those that were told to go: `S1#3`. */
  readonly #expected = new Set<string>();
  #reasons = new Map<string, string>();
  #stopping = false;

  constructor(options: EndedWorkersOptions) {
    this.#options = options;
    this.#crashes = new CrashNotes(options.connection);
    const { driver, log } = options;
    this.#unloaded = new UnloadedWorkers({ sharesLog: driver.kind === 'process', log });
  }

  /** Whether a worker ended whose lease was not ended yet. */
  get pending(): boolean {
    return this.#pending.length > 0;
  }

  /** The replicas whose workers' leases are still to be ended. */
  get names(): readonly string[] {
    return this.#pending.map(({ name }) => name);
  }

  /** A worker was told to finish what it holds and to go. */
  expect(replica: string, generation: number): void {
    this.#expected.add(`${replica}#${generation}`);
  }

  add(death: Death): void {
    const { name, generation, reason, clean, unloaded = false } = death;
    const level = unloaded ? 'debug' : clean || this.#stopping ? 'info' : 'warn';
    this.#options.log[level]({ replica: name, generation, reason }, 'a worker ended');
    this.#pending.push(death);
  }

  /** A worker could not be started: for a plan that is the same as one that ended. */
  addUnstarted(replica: string, reason: string): void {
    this.#reasons.set(replica, `could not be started: ${reason}`);
  }

  /** @param ready the replicas whose workers take jobs now. */
  ready(ready: readonly string[]): void {
    this.#unloaded.ready(ready);
  }

  /** From now on workers end because their controller stops. */
  stop(): void {
    this.#stopping = true;
  }

  /** Ends the leases of all workers that have ended, whichever controller leads. */
  async endLeases(): Promise<void> {
    const { connection, driver, leaseMs, onStandbyEnded } = this.#options;
    for (let death = this.#pending[0]; death !== undefined; death = this.#pending[0]) {
      const { name, generation } = death;
      const reason = await this.#reasonOf(death);
      // A worker that ends with its controller is stopped, not dead: the next start brings the replica back
      // as it was.
      const recordMs = this.#stopping ? 0 : leaseMs;
      const standing = await endLeasesOf(connection, { replica: name, generation }, recordMs);
      this.#pending.shift();
      if (death.unloaded === true && !this.#stopping) this.#unloaded.add(name, reason, performance.now());
      this.#noteCrash({ ...death, reason });
      const stoodBy =
        standing !== undefined && standing.adopter === undefined && standing.generation < generation;
      const replaced = driver.list().some((each) => each.name === name && each.generation > generation);
      const expected = this.#expected.delete(`${name}#${generation}`);
      if (stoodBy && !expected) onStandbyEnded(name, reason);
      else if (!stoodBy && !replaced) this.#reasons.set(name, reason);
    }
  }

  /** @returns why workers ended since the last call. */
  takeReasons(): Deaths {
    const reasons = this.#reasons;
    this.#reasons = new Map();
    return reasons;
  }

  /** @returns why a worker ended, in its own words if it could not load its handler. Never rejects. */
  async #reasonOf({ name, generation, reason, unloaded = false }: Death): Promise<string> {
    if (!unloaded || this.#stopping) return reason;
    const note = await this.#crashes.read(name).catch(() => undefined);
    return note?.generation === generation ? (note.reason ?? reason) : reason;
  }

  /** Writes the cause of a crash for `/-/ring`, in the background. */
  #noteCrash({ name, generation, reason, clean, stderr }: Death): void {
    if (clean || this.#stopping) return;
    const { clock, log } = this.#options;
    const at = clock.now();
    const note = async (): Promise<void> => {
      await this.#crashes.note(name, {
        generation,
        at,
        reason,
        stderr: logText((await stderr) ?? []),
      });
    };
    note().catch((error: unknown) => log.debug({ replica: name, err: error }, 'a crash was not noted'));
  }
}
