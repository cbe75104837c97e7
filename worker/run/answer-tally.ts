import { timeClassOf } from '#shared/contract/answer-counts.ts';
import type { OutlierMark } from '#shared/contract/answer-counts.ts';
import type { SharedAnswers } from '../lease/shared-answers.ts';
import type { Running } from './running.ts';

/** Each hash key's service time counts once in this time in ms, so that a busy key does not decide alone. */
const keyMs = 1000;
/** A cancellation that comes so shortly before the deadline is due to the deadline, in ms. */
const deadlineGraceMs = 50;
/** The statuses that Envoy calls gateway failures. */
const gatewayFailures: ReadonlySet<number> = new Set([502, 503, 504]);

/** How a request ended, as far as it says something about the replica. */
type Ending = 'answered' | 'failed' | 'gatewayFailed' | 'unknown';

/** Counts how the requests of a worker end, for outlier detection. */
export class AnswerTally {
  readonly #counts: SharedAnswers;
  #keys = new Set<number>();
  #keysSince = Number.NEGATIVE_INFINITY;
  #firstKeyFailed = 0;
  #firstKeyGatewayFailed = 0;

  constructor(counts: SharedAnswers) {
    this.#counts = counts;
  }

  /**
   * Counts a request whose handler has answered, or has run out of time.
   * @param status of the answer, whole or a stream's; undefined if there is none.
   * @param now on the `performance.now()` clock.
   */
  add(mark: OutlierMark, running: Running, status: number | undefined, now: number): void {
    if (running.begun === 0) return;
    const ending = endingOf(mark, running, status, now);
    if (mark.probe !== undefined) this.#addProbe(mark.probe, ending, now - running.begun);
    else if (ending !== 'unknown') this.#addEnding(mark.key, ending, now - running.begun, now);
  }

  #addProbe(probe: number, ending: Ending, ms: number): void {
    const isGood = ending === 'answered';
    if (isGood) this.#endRow();
    this.#counts.set('probeMs', isGood ? ms : -1);
    this.#counts.set('probe', probe);
  }

  #addEnding(key: number, ending: Exclude<Ending, 'unknown'>, ms: number, now: number): void {
    const counts = this.#counts;
    if (ending === 'answered') {
      if (counts.get('failedInRow') > 0) this.#endRow();
    } else {
      counts.add('failed');
      if (counts.get('failedInRow') === 0) this.#firstKeyFailed = key;
      counts.set('keysFailed', key === this.#firstKeyFailed ? Math.max(1, counts.get('keysFailed')) : 2);
      counts.add('failedInRow');
      this.#addGatewayFailure(key, ending === 'gatewayFailed');
    }
    counts.add('answered');
    if (now - this.#keysSince >= keyMs) {
      this.#keys = new Set();
      this.#keysSince = now;
    }
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    counts.addTime(timeClassOf(ms));
  }

  #addGatewayFailure(key: number, isOne: boolean): void {
    const counts = this.#counts;
    if (!isOne) {
      counts.set('gatewayFailedInRow', 0);
      counts.set('keysGatewayFailed', 0);
      return;
    }
    if (counts.get('gatewayFailedInRow') === 0) this.#firstKeyGatewayFailed = key;
    const isFirst = key === this.#firstKeyGatewayFailed;
    counts.set('keysGatewayFailed', isFirst ? Math.max(1, counts.get('keysGatewayFailed')) : 2);
    counts.add('gatewayFailedInRow');
  }

  #endRow(): void {
    for (const name of ['failedInRow', 'keysFailed', 'gatewayFailedInRow', 'keysGatewayFailed'] as const)
      this.#counts.set(name, 0);
  }
}

/** Nothing is known of a replica by a request whose client left, or whose client was in a hurry. */
function endingOf(mark: OutlierMark, running: Running, status: number | undefined, now: number): Ending {
  const isHurried = mark.hurried === true;
  if (running.isAborted || status === undefined)
    return isHurried || now < running.until - deadlineGraceMs ? 'unknown' : 'gatewayFailed';
  if (status < 500) return 'answered';
  // A handler that knows the deadline may give up shortly before it.
  if (isHurried && now - running.begun > running.until - now) return 'unknown';
  return gatewayFailures.has(status) ? 'gatewayFailed' : 'failed';
}
