import type { Log } from '#shared/process/logger.ts';
import { tickScript } from './tick.ts';

/** @returns the script of the batched consumer; undefined if the stock consumer serves. */
export function chooseTick(consumer: 'batched' | 'stock', log: Log): string | undefined {
  if (consumer === 'stock') return undefined;
  const script = tickScript();
  if ('lua' in script) return script.lua;
  log.warn({ reason: script.fault }, 'the stock consumer serves');
  return undefined;
}
