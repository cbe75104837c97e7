import type { Load } from './load/load.ts';
import type { Costs } from './stage.ts';
import type { Executed } from './workload/marks.ts';

/** One measurement of one system in one round. */
export interface Sample extends Costs {
  readonly system: string;
  readonly round: number;
  /** The name of the kind of request. */
  readonly request: string;
  readonly connections: number;
  readonly load: Load;
  /** The load just before, on the same connections, in which each answer was compared with its request. */
  readonly matched: Load;
  readonly executed: Executed;
  readonly matchedExecuted: Executed;
  /** Answered requests per second. */
  readonly rate: number;
  /** What is wrong with the answers, in sentences. */
  readonly faults: readonly string[];
}

/** @returns the processor time of a request in all processes but the client, in µs. */
export const costOf = ({ cpu }: Sample): number =>
  (cpu.gateway ?? 0) + (cpu.proxy ?? 0) + (cpu.worker ?? 0) + (cpu.store ?? 0);
