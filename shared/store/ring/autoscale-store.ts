import type {
  AutoscaleChange,
  AutoscaleDecision,
  AutoscaleStop,
  AutoscaleView,
} from '../../contract/api/autoscale.ts';
import { isCount, isTexts, parseObject } from '../../contract/json-object.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { noteAutoscale, stopAutoscale } from '../scripts/autoscale.ts';
import { changeDesired } from '../scripts/ring.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { desiredCall, stopText } from './desired-call.ts';
import type { DesiredChange, RingState } from './ring-store.ts';

/** How many replicas there may be. */
export interface ReplicaRange {
  readonly min: number;
  readonly max: number;
}

/** What is known of autoscaling, in the hash `{ring}:autoscale`. */
export class AutoscaleStore {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
  }

  async read(): Promise<AutoscaleView> {
    const { autoscale } = keysOf(this.#connection);
    const fields = await this.#repairing(() => redisOf(this.#connection).hgetall(autoscale));
    const range = rangeOf(fields['range']);
    const stopped = stopOf(fields['stopped']);
    return {
      configured: range !== null,
      enabled: range !== null && stopped === null,
      range,
      stopped,
      decision: decisionOf(fields['decision']),
      change: changeOf(fields['change']),
    };
  }

  /**
   * Says that the leading controller scales within a range. From then on `/add` and `/rm` stop it.
   * @param stopped the stop that a Redis that was emptied has forgotten; null if there was none.
   * @returns false if another controller leads.
   */
  publish(token: string, { min, max }: ReplicaRange, stopped: AutoscaleStop | null = null): Promise<boolean> {
    const range = ['range', `${min}..${max}`] as const;
    return this.#note(token, stopped === null ? [range] : [range, ['stopped', stopText(stopped)]]);
  }

  /**
   * Says that the leading controller does not scale. A stop by an operator stays: another controller, or the
   * next start, may have the setting again.
   * @returns false if another controller leads.
   */
  forget(token: string): Promise<boolean> {
    return this.#note(token, []);
  }

  /** Notes what was decided. @returns false if another controller leads. */
  decided(token: string, decision: AutoscaleDecision): Promise<boolean> {
    return this.#note(token, [['decision', JSON.stringify(decision)]]);
  }

  /**
   * Changes the desired replicas as autoscaling has decided for a state of the ring.
   * @param token the leadership's token.
   * @returns `outdated` if the ring has changed since, and `refused` if autoscaling was stopped or another
   * controller leads. Nothing was changed then.
   */
  scale(
    token: string,
    state: RingState,
    change: DesiredChange,
    noted: AutoscaleChange,
  ): Promise<'changed' | 'outdated' | 'refused'> {
    const call = { ...desiredCall(state, change, noted.at), token, note: JSON.stringify(noted) };
    return this.#repairing(() => this.#run(changeDesired, call));
  }

  /**
   * Stops autoscaling, or lets it go on.
   * @param stop who stops it; undefined: it goes on.
   * @returns false if no leading controller has `AUTOSCALE`.
   */
  setStopped(stop: AutoscaleStop | undefined): Promise<boolean> {
    const text = stop === undefined ? undefined : stopText(stop);
    return this.#repairing(() => this.#run(stopAutoscale, { stop: text }));
  }

  async #note(token: string, fields: readonly (readonly [string, string])[]): Promise<boolean> {
    const result = await this.#repairing(() => this.#run(noteAutoscale, { token, fields }));
    return result === 'changed';
  }

  #repairing<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfRing(keysOf(this.#connection)));
  }
}

function rangeOf(text: string | undefined): ReplicaRange | null {
  const [, min, max] = /^(\d{1,5})\.\.(\d{1,5})$/.exec(text ?? '') ?? [];
  return min === undefined || max === undefined ? null : { min: Number(min), max: Number(max) };
}

/** A stop that cannot be read is a stop. */
function stopOf(text: string | undefined): AutoscaleStop | null {
  if (text === undefined) return null;
  const { by, at } = parseObject(text) ?? {};
  return { by: by === 'add' || by === 'rm' ? by : 'operator', at: isCount(at) ? at : 0 };
}

/** Only controllers write it, and it is only shown. */
function decisionOf(text: string | undefined): AutoscaleDecision | null {
  const { at, wanted, replicas, reason, hot } = parseObject(text ?? '') ?? {};
  if (!isCount(at) || !isCount(replicas) || typeof reason !== 'string' || !isTexts(hot)) return null;
  return { at, wanted: isCount(wanted) ? wanted : null, replicas, reason, hot };
}

function changeOf(text: string | undefined): AutoscaleChange | null {
  const { at, direction, names, reason } = parseObject(text ?? '') ?? {};
  if (!isCount(at) || !isTexts(names) || typeof reason !== 'string') return null;
  return { at, direction: direction === 'down' ? 'down' : 'up', names, reason };
}
