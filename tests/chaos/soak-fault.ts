import type { Cluster } from './cluster.ts';
import type { Random } from './random.ts';

/** What a fault of the soak can use. */
export interface Playground {
  readonly cluster: Cluster;
  readonly random: Random;
  /** Runs work while further faults happen. The soak waits for it at the end. */
  meanwhile(work: () => Promise<void>): void;
  /** The same for work that slows others down: until it ends, the system does not count as healthy. */
  disturbMeanwhile(work: () => Promise<void>): void;
}

/** One fault with its details chosen, ready to be injected. */
export interface SoakFault {
  readonly kind: string;
  readonly detail: string;
  /** The replica whose worker is hit, if the fault hits one. */
  readonly replica?: string;
  act(): Promise<void>;
}

/** Chooses the details of one kind of fault; undefined if it is not possible now. */
export type Choose = (playground: Playground) => Promise<SoakFault | undefined>;
