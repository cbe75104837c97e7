import type { Load } from './load/load.ts';
import type { Executed } from './workload/marks.ts';

/** In a shorter run, a request without an answer for half of it may just be slow. In seconds. */
const minSeconds = 3.5;

/**
 * Compares the answers that clients got with the executions by workers.
 * @param connections how many requests may have been under way when the load ended
 * @returns what is wrong, in sentences.
 */
export function faultsOf(load: Load, executed: Executed, connections: number): string[] {
  const { seconds, sent, answered, foreign, refused, broken } = load;
  const overdue = seconds < minSeconds ? 0 : load.overdue;
  const { executions, distinct } = executed;
  const underWay = sent - answered - foreign - refused;
  const found: [number, string][] = [
    [foreign, 'answers do not belong to their request'],
    [refused, 'answers are not 200'],
    [broken, 'connections failed'],
    [overdue, 'requests are lost: no answer for half of the run'],
    [Math.max(0, underWay - connections), 'requests more than there are connections have no answer'],
    [executions - distinct, 'executions were doubled'],
    [Math.max(0, answered - distinct), 'answers have no execution behind them'],
    [Math.max(0, distinct - sent), 'executions have no request before them'],
  ];
  const faults = found.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return answered === 0 ? [...faults, 'there is no right answer'] : faults;
}
