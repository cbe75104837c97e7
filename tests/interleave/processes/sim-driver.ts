import type { Death, Driver, Instance } from '../../../gateway/drivers/driver.ts';
import { runIn, runningProcess, runOutside } from '../floor/sim-process.ts';
import type { SimProcess } from '../floor/sim-process.ts';
import { setVirtualTimer } from '../floor/virtual-clock.ts';

/** A worker as its driver sees it. */
export interface DrivenWorker extends Instance {
  readonly process: SimProcess;
  terminate(): void;
  kill(): void;
}

interface Listener {
  readonly owner: SimProcess;
  readonly onDeath: (death: Death) => void;
}

/** A death that a controller has not heard of yet. */
export interface DeathNotice {
  readonly owner: SimProcess;
  readonly death: Death;
  tell(): void;
}

/** What runs the workers of a schedule, for all its controllers: they outlive a controller. */
export class SimDriver {
  readonly #start: (name: string, generation: number) => DrivenWorker;
  readonly #killDelayMs: () => number;
  readonly #workers = new Set<DrivenWorker>();
  readonly #listeners = new Set<Listener>();
  readonly #gone = new Map<string, () => void>();
  /** The driver's own: what it has begun it ends, whatever becomes of the controller. */
  readonly #process: SimProcess = { name: 'driver', pid: 1, state: 'running', onKilled: () => undefined };
  /** In the order of the deaths. */
  readonly notices: DeathNotice[] = [];

  /**
   * @param start starts a worker process.
   * @param killDelayMs decides how long it takes until a worker is killed, in ms: its host may be away.
   */
  constructor(start: (name: string, generation: number) => DrivenWorker, killDelayMs: () => number) {
    this.#start = start;
    this.#killDelayMs = killDelayMs;
  }

  get workers(): readonly DrivenWorker[] {
    return [...this.#workers];
  }

  /** Does something later in virtual time. */
  after(ms: number, act: () => void): void {
    setVirtualTimer(this.#process, () => runOutside(act), ms, false);
  }

  /** A worker has ended. Each controller is told later. */
  onEnd(worker: DrivenWorker, reason: string, clean: boolean): void {
    if (!this.#workers.delete(worker)) return;
    const { name, generation } = worker;
    const death = { name, generation, reason, clean };
    for (const listener of this.#listeners) {
      const { owner, onDeath } = listener;
      if (owner.state === 'dead') continue;
      this.notices.push({ owner, death, tell: () => runIn(owner, () => onDeath(death)) });
    }
    const id = `${name}#${generation}`;
    this.#gone.get(id)?.();
    this.#gone.delete(id);
  }

  /** @returns the driver as the controller has it whose code runs now. */
  forController(): Driver {
    return {
      kind: 'sim',
      start: () => Promise.resolve(),
      ensure: (name, generation) => {
        const known = this.workers.some(
          (each) => each.name === name && each.generation === generation && each.process.state !== 'dead',
        );
        if (!known) this.#workers.add(this.#start(name, generation));
        return Promise.resolve();
      },
      remove: (name, generation, graceMs) => this.#remove(name, generation, graceMs),
      list: () => this.workers.map(({ id, name, generation }) => ({ id, name, generation, outdated: false })),
      trouble: () => undefined,
      watch: (onDeath) => {
        const owner = runningProcess();
        if (owner === undefined) throw new Error('only a controller watches');
        const listener = { owner, onDeath };
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      close: () => Promise.resolve(),
    };
  }

  #remove(name: string, generation: number, graceMs: number): Promise<void> {
    const worker = this.workers.find((each) => each.name === name && each.generation === generation);
    if (worker === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#gone.set(worker.id, resolve);
      if (graceMs > 0) worker.terminate();
      const delayMs = graceMs + this.#killDelayMs();
      if (delayMs === 0) worker.kill();
      else setVirtualTimer(this.#process, () => worker.kill(), delayMs, false);
    });
  }
}
