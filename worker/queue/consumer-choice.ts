import type { Log } from '#shared/process/logger.ts';
import { tickScript } from '#shared/store/queue/tick.ts';
import type { TickScript } from '#shared/store/queue/tick.ts';

/** @returns the script of the batched consumer; undefined if the stock consumer serves. */
export function chooseTick(consumer: 'batched' | 'stock', log: Log): TickScript | undefined {
  if (consumer === 'stock') return undefined;
  const script = tickScript();
  if ('lua' in script) return script;
  log.warn({ reason: script.fault }, 'the stock consumer serves');
  return undefined;
}
