import type { Load } from './load/load.ts';
import type { Costs } from './stage.ts';
import type { Executed } from './workload/marks.ts';

/** One measurement of one system in one round. */
export interface Sample extends Costs {
  readonly system: string;
  readonly round: number;
  readonly connections: number;
  readonly load: Load;
  /** Before it, on as many connections, each answer matched with the request of its connection. */
  readonly matched: Load;
  readonly executed: Executed;
  readonly matchedExecuted: Executed;
  /** Requests answered in a second. */
  readonly rate: number;
  /** What is wrong with the answers, in sentences; empty where nothing is. */
  readonly faults: readonly string[];
}
