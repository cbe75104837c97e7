import type { AutoscaleView } from './autoscale.ts';
import type { ApiReplicasView, PercentilesView } from './replicas.ts';

/** The answer to `GET /-/api/overview`, and the event `overview`. Times are in ms since the epoch. */
export interface OverviewView extends ApiReplicasView {
  readonly at: number;
  readonly version: string;
  readonly namespace: string;
  /** The name of the gateway that answers. */
  readonly gateway: string;
  readonly ring: {
    readonly version: number;
    readonly strategy: string;
    readonly leader: string | null;
    readonly trouble: string | null;
  };
  /** Null if the leading controller has no `AUTOSCALE`. */
  readonly autoscale: AutoscaleView | null;
  readonly totals: TotalsView;
  /** The worst first; empty if all is well. */
  readonly troubles: readonly TroubleView[];
  /** The latest sample; null until there is one. */
  readonly sample: SampleView | null;
}

export interface TotalsView {
  readonly waiting: number;
  readonly active: number;
  /** Requests whose answers are streams. */
  readonly streams: number;
  readonly delayed: number;
  /** Requests whose client waits, at all gateways. */
  readonly inFlight: number;
  readonly heldBytes: number;
  readonly deadLetters: number;
  /** Callbacks that are not delivered yet. */
  readonly callbacks: number;
  readonly gateways: number;
}

/** Something an operator should know or do. */
export interface TroubleView {
  readonly level: 'error' | 'warning' | 'notice';
  /** For programs, e.g. `replica_lost`. */
  readonly code: string;
  /** What is wrong, in one sentence, e.g. `S2 has been lost for 14 s: exited with code 1.` */
  readonly text: string;
  /** What to do, in one sentence. */
  readonly advice?: string;
  readonly replica?: string;
}

/** What all gateways answered in one interval. */
export interface SampleView {
  /** The end of the interval, in ms since the epoch. */
  readonly at: number;
  readonly requestsPerS: number;
  readonly failuresPerS: number;
  /** Requests that went to another replica than the owner of their key because of the load. */
  readonly spilledPerS: number;
  readonly waitMs: PercentilesView | null;
  readonly serviceMs: PercentilesView | null;
  readonly totalMs: PercentilesView | null;
}

/** The answer to `GET /-/api/samples`: the oldest first, for the last 15 minutes. */
export interface SamplesView {
  readonly everyMs: number;
  readonly samples: readonly SampleView[];
}
