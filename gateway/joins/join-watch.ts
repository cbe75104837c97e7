import type { StandBy } from '#shared/contract/joining.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { JoinStore } from '#shared/store/joins/join-store.ts';
import type { JoinState } from '#shared/store/joins/join-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { joinSteps, planJoins } from './join-rule.ts';
import type { JoinSteps, ObservedForJoins } from './join-rule.ts';

export interface JoinWatchOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly parameters: RingParameters;
  readonly maxReplicas: number;
  /** Time in ms for which a replica without a worker stays desired; undefined: none joins by itself. */
  readonly leaveAfterMs: number | undefined;
  readonly log: Logger;
}

const nothing: Pick<JoinState, 'policy' | 'standingBy'> = { policy: undefined, standingBy: new Map() };

/** Lets replicas join and leave with their workers, as the leading controller. */
export class JoinWatch {
  readonly #options: JoinWatchOptions;
  readonly #joins: JoinStore;
  #endedAs: string | undefined;

  constructor(options: JoinWatchOptions) {
    this.#options = options;
    this.#joins = new JoinStore(options.connection, options.log);
  }

  /**
   * Acts on what a pass of the controller has observed.
   * @param memory the states of the replicas after that pass.
   * @param token the leadership's token.
   * @returns whether the desired replicas have changed, so that another pass has to be made.
   */
  async pass(
    observed: ObservedForJoins,
    memory: ReadonlyMap<string, ReplicaStatus>,
    token: string | undefined,
  ): Promise<boolean> {
    if (token === undefined) return false;
    const { leaveAfterMs } = this.#options;
    if (leaveAfterMs !== undefined) return this.#pass(observed, memory, leaveAfterMs, token);
    // Another controller may have let replicas join before this one led.
    if (this.#endedAs !== token) await this.#joins.note(token, await this.#joins.read(), nothing);
    this.#endedAs = token;
    return false;
  }

  async #pass(
    observed: ObservedForJoins,
    memory: ReadonlyMap<string, ReplicaStatus>,
    leaveAfterMs: number,
    token: string,
  ): Promise<boolean> {
    const [known, announcements] = await Promise.all([this.#joins.read(), this.#joins.announcements()]);
    const now = clockOf(this.#options.connection).now();
    const steps = joinSteps({ observed, memory, announcements, leaveAfterMs, now });
    const { refused, changed } = await this.#change(steps, known, token);
    const standingBy = this.#standingBy(known.standingBy, refused, now);
    await this.#joins.note(token, known, { policy: { leaveAfterMs }, standingBy });
    await this.#joins.departed(steps.departed);
    return changed;
  }

  /** @returns who may not join, with the reasons, and whether the desired replicas have changed. */
  async #change(
    steps: JoinSteps,
    { tombstones }: JoinState,
    token: string,
  ): Promise<{ readonly refused: ReadonlyMap<string, string>; readonly changed: boolean }> {
    const { store, parameters, maxReplicas, log } = this.#options;
    if (steps.join.length + steps.leave.length === 0) return { refused: new Map(), changed: false };
    // Workers that are told to go, or vanish, are no containers of ringpost's.
    const limits = { parameters, maxReplicas, containers: false };
    let decided: ReturnType<typeof planJoins> = { change: undefined, refused: new Map() };
    const state = await store.changeDesired((current) => {
      decided = planJoins(current, steps, tombstones, limits);
      return decided.change === undefined ? undefined : { ...decided.change, token };
    });
    const { change, refused } = decided;
    const desired = new Set(state.desired.map(({ name }) => name));
    // Nothing has changed if another controller leads by now.
    const joined = (change?.add ?? []).filter(({ name }) => desired.has(name));
    const left = steps.leave.filter(
      ({ name }) => change?.remove.includes(name) === true && !desired.has(name),
    );
    for (const { name } of joined)
      log.info({ replica: name, join: 'join' }, `${name} joins: its worker has announced itself`);
    for (const { name, cause, orderly } of left)
      log[orderly ? 'info' : 'warn']({ replica: name, join: 'leave' }, `${name} leaves: ${cause}`);
    return { refused, changed: joined.length + left.length > 0 };
  }

  #standingBy(
    before: ReadonlyMap<string, StandBy>,
    refused: ReadonlyMap<string, string>,
    now: number,
  ): ReadonlyMap<string, StandBy> {
    return new Map(
      Array.from(refused, ([name, reason]) => {
        const known = before.get(name);
        if (known?.reason === reason) return [name, known];
        this.#options.log.warn({ replica: name, reason }, `the worker of ${name} stands by: ${reason}`);
        return [name, { reason, since: known?.since ?? Math.round(now) }];
      }),
    );
  }
}
