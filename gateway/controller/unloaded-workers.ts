import { alikeText } from '#shared/process/alike-text.ts';
import type { Logger } from '#shared/process/logger.ts';

/** Replicas whose workers fail to load their handler for the same reason. */
interface Group {
  readonly replicas: Set<string>;
  /** Those that were in the group and are ready now. */
  readonly recovered: Set<string>;
  times: number;
  /** When the next line about it is due, in ms. */
  dueAt: number;
  /** Time in ms between the last line and the next one. */
  intervalMs: number;
}

const firstIntervalMs = 60_000;
const maxIntervalMs = 3_600_000;
const maxGroups = 20;

export interface UnloadedWorkersOptions {
  /** Whether the lines of workers reach the same log as this process's own. */
  readonly sharesLog: boolean;
  readonly log: Logger;
}

/**
 * Tells of workers that cannot load their handler. They are started again and again, and each fails in the
 * same way, so the log says it once for all replicas, then at growing intervals, and once when it is over.
 */
export class UnloadedWorkers {
  readonly #options: UnloadedWorkersOptions;
  /** By reason, without what differs from one try to the next. */
  readonly #groups = new Map<string, Group>();

  constructor(options: UnloadedWorkersOptions) {
    this.#options = options;
  }

  /**
   * @param reason in the worker's words.
   * @param now in ms, from a clock that never goes back.
   */
  add(replica: string, reason: string, now: number): void {
    const key = alikeText(reason);
    for (const [other, { replicas }] of this.#groups) if (other !== key) replicas.delete(replica);
    const { sharesLog, log } = this.#options;
    const group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= maxGroups) this.#groups.clear();
      const times = { times: 1, dueAt: now + firstIntervalMs, intervalMs: firstIntervalMs };
      this.#groups.set(key, { replicas: new Set([replica]), recovered: new Set(), ...times });
      // In a shared log the worker itself has said it, with more details.
      log[sharesLog ? 'info' : 'warn']({ replica, reason }, 'a worker cannot load its handler');
      return;
    }
    group.replicas.add(replica);
    group.recovered.delete(replica);
    group.times += 1;
    if (now < group.dueAt) return;
    group.intervalMs = Math.min(maxIntervalMs, group.intervalMs * 2);
    group.dueAt = now + group.intervalMs;
    const replicas = [...group.replicas];
    log.warn({ replicas, times: group.times, reason }, 'workers still cannot load their handler');
  }

  /** @param ready the replicas whose workers take jobs now. */
  ready(ready: readonly string[]): void {
    if (this.#groups.size === 0) return;
    for (const { replicas, recovered } of this.#groups.values())
      for (const replica of ready) if (replicas.delete(replica)) recovered.add(replica);
    this.#dropEmpty();
  }

  #dropEmpty(): void {
    for (const [reason, { replicas, recovered }] of this.#groups) {
      if (replicas.size > 0) continue;
      this.#groups.delete(reason);
      if (recovered.size === 0) continue;
      this.#options.log.warn({ replicas: [...recovered] }, 'workers can load their handler again');
    }
  }
}
