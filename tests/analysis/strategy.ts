import type { RingParameters } from '#shared/ring/ring.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';

/** A way to choose the replica of a request. */
export interface Strategy {
  /** A part of file names. */
  readonly id: string;
  readonly title: string;
  readonly parameters: RingParameters;
  /** The settings of a gateway with this strategy. */
  readonly settings: NodeJS.ProcessEnv;
  /** Whether the analysis client bounds the loads. No gateway does. */
  readonly bounded: boolean;
}

const linear: Strategy = {
  id: 'linear',
  title: 'assignment, linear',
  parameters: defaultParameters('assignment', { probing: 'linear' }),
  settings: { RING: 'assignment', RING_PROBING: 'linear' },
  bounded: false,
};
const murmur3: Strategy = {
  id: 'murmur3',
  title: 'murmur3',
  parameters: defaultParameters('murmur3'),
  settings: { RING: 'murmur3' },
  bounded: false,
};

/** The assignment's own strategy, for. */
export const assignment = linear;

/** The strategies that A-4 compares. */
export const strategies: readonly Strategy[] = [
  linear,
  {
    id: 'quadratic',
    title: 'assignment, quadratic',
    parameters: defaultParameters('assignment', { probing: 'quadratic' }),
    settings: { RING: 'assignment', RING_PROBING: 'quadratic' },
    bounded: false,
  },
  murmur3,
  { ...linear, id: 'linear-bounded', title: 'assignment, linear, bounded', bounded: true },
  { ...murmur3, id: 'murmur3-bounded', title: 'murmur3, bounded', bounded: true },
];
