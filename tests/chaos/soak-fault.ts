import type { Cluster } from './cluster.ts';
import type { Random } from './random.ts';

/** What a fault of the soak acts on. */
export interface Playground {
  readonly cluster: Cluster;
  readonly random: Random;
  /** Goes on with something while further faults happen; the soak waits for it in the end. */
  meanwhile(work: () => Promise<void>): void;
  /** The same for something that slows others down: what is seen until it ends is no calm. */
  amiss(work: () => Promise<void>): void;
}

/** One fault with its particulars chosen, ready to be done. */
export interface SoakFault {
  readonly kind: string;
  readonly detail: string;
  /** The replica whose worker is hit, where it is one. */
  readonly replica?: string;
  act(): Promise<void>;
}

/** Chooses the particulars of one kind of fault; undefined where there is nothing to do it to. */
export type Choose = (playground: Playground) => Promise<SoakFault | undefined>;
