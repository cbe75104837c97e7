import { timeClasses } from '#shared/contract/answer-counts.ts';
import type { AnswerCounts } from '#shared/contract/answer-counts.ts';

/** The places of the numbers; the service times follow. */
const places = {
  answered: 0,
  failed: 1,
  failedInRow: 2,
  keysFailed: 3,
  gatewayFailedInRow: 4,
  keysGatewayFailed: 5,
  probe: 6,
  probeMs: 7,
} as const;
const firstTime = 8;

/** What the main thread counts of its handler's answers. The lease thread writes it with each renewal. */
export class SharedAnswers {
  /** Pass it to a `SharedAnswers` in another thread to share the values. */
  readonly buffer: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** @param buffer of a `SharedAnswers` in another thread. */
  constructor(buffer = new SharedArrayBuffer((firstTime + timeClasses) * Float64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#values = new Float64Array(buffer);
  }

  get(name: keyof typeof places): number {
    return this.#values[places[name]] ?? 0;
  }

  set(name: keyof typeof places, value: number): void {
    this.#values[places[name]] = value;
  }

  add(name: keyof typeof places): void {
    this.set(name, this.get(name) + 1);
  }

  /** @param timeClass of `timeClassOf`. */
  addTime(timeClass: number): void {
    this.#values[firstTime + timeClass] = (this.#values[firstTime + timeClass] ?? 0) + 1;
  }

  /** Undefined until something was counted. */
  get current(): AnswerCounts | undefined {
    if (this.get('answered') === 0 && this.get('probe') === 0) return undefined;
    const times = [...this.#values.subarray(firstTime)];
    const last = times.findLastIndex((count) => count > 0);
    return {
      answered: this.get('answered'),
      failed: this.get('failed'),
      failedInRow: this.get('failedInRow'),
      keysFailed: this.get('keysFailed'),
      gatewayFailedInRow: this.get('gatewayFailedInRow'),
      keysGatewayFailed: this.get('keysGatewayFailed'),
      probe: this.get('probe'),
      probeMs: this.get('probeMs'),
      times: times.slice(0, last + 1),
    };
  }
}
