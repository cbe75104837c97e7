import { randomUUID } from 'node:crypto';
import type { JobData } from '#shared/contract/job.ts';
import type { Redelivery } from '#shared/contract/redelivery.ts';
import type { Reselection } from '#shared/contract/retry-notice.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Agreement } from '../ring/agreement.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { Placed, Placement } from '../load/placement.ts';
import type { Capacity } from './capacity.ts';
import { keyLimitOf } from '../request/directives.ts';
import type { ParsedRequest } from '../request/parsed-request.ts';

/** Where a request goes, or why it is refused. */
export type Selected =
  | {
      readonly id: string;
      readonly key: string;
      readonly replica: string;
      readonly redelivery: Redelivery;
      /** The owner of the key, if another replica was selected because of the load. */
      readonly spilledFrom: string | undefined;
      /** Whether it may go elsewhere if it is dispatched again. */
      readonly maySpill: boolean;
      /** How the replica of a further attempt is selected. */
      readonly affinity: Reselection['affinity'];
      /** The part of its job that limits how many with its key run. */
      readonly keyLimit: Partial<JobData>;
      readonly refusal: undefined;
    }
  | {
      readonly id: string;
      readonly key?: undefined;
      readonly replica: string | undefined;
      readonly redelivery?: undefined;
      readonly spilledFrom?: undefined;
      readonly refusal: Problem;
    };

export interface SelectionOptions {
  readonly watcher: RingWatcher;
  readonly placement: Placement;
  readonly capacity: Capacity;
  readonly agreement: Pick<Agreement, 'refusal'>;
  /** The setting `KEY_CONCURRENCY`. */
  readonly keyConcurrency?: number | undefined;
}

/** Selects the replica of a request, if its queue has room. */
export class Selection {
  readonly #options: SelectionOptions;

  constructor(options: SelectionOptions) {
    this.#options = options;
  }

  select(parsed: ParsedRequest): Selected {
    const { request, key, hasRandomKey, redelivery, directives } = parsed;
    const { watcher, placement, capacity, agreement, keyConcurrency } = this.#options;
    const uuid = randomUUID();
    const refuse = (refusal: Problem): Selected => ({ id: uuid, replica: undefined, refusal });
    const { refusal } = agreement;
    if (refusal !== undefined) return refuse(refusal);
    if (redelivery === undefined) {
      return refuse(new Problem('request_malformed', 'Ringpost-Retry must be always or never.'));
    }
    if (key === undefined) {
      const detail = directives.ordered
        ? 'Ringpost-Order needs a hash key that HASH_KEY names, and the request carries none.'
        : 'The request carries none of the keys that HASH_KEY names.';
      return refuse(new Problem('hash_key_missing', detail));
    }
    const { affinity: asked, ordered = false } = directives;
    const wanted = { affinity: asked, ordered, hasRandomKey };
    const placed = watcher.stale ? undefined : placement.place(key, wanted);
    if (placed === undefined) return refuse(this.noOwner());
    const { key: placedKey, replica, spilledFrom, maySpill } = placed;
    const id = requestId(uuid, replica);
    const full = capacity.refusal(replica, request.body.length);
    if (full !== undefined) {
      return { id, replica, refusal: new Problem('over_capacity', `Try again later: ${full}.`) };
    }
    const keyLimit = keyLimitOf(parsed, keyConcurrency);
    const affinity = hasRandomKey ? 'random' : maySpill ? 'loose' : 'strict';
    const to = { id, key: placedKey, replica, spilledFrom, maySpill, affinity } as const;
    return { ...to, redelivery, keyLimit, refusal: undefined };
  }

  /**
   * Selects a replica for a request that is dispatched again.
   * @param maySpill whether it may go elsewhere than to the owner of its key.
   * @returns undefined if no replica can be selected now.
   */
  selectAgain(key: string, maySpill: boolean): Placed | undefined {
    const { watcher, placement } = this.#options;
    return watcher.stale ? undefined : placement.placeKey(key, maySpill);
  }

  /**
   * Selects a replica for a request that runs again after an answer.
   * @returns undefined if no replica can be selected now.
   */
  selectForRetry({ key, affinity }: Reselection): Placed | undefined {
    const { watcher, placement } = this.#options;
    if (watcher.stale) return undefined;
    return affinity === 'random' ? placement.placeAnywhere() : placement.placeKey(key, affinity === 'loose');
  }

  /** @returns why no replica can be selected now. */
  noOwner(): Problem {
    return this.#options.watcher.stale
      ? new Problem(
          'redis_away',
          'Redis does not answer, so the owner of the request cannot be known for sure.',
        )
      : new Problem('no_replica', 'No replica is ready.');
  }
}
