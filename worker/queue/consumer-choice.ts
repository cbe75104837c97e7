import type { Log } from '#shared/process/logger.ts';
import { tickScript } from '#shared/store/queue/tick.ts';
import type { TickScript } from '#shared/store/queue/tick.ts';
import type { createStockConsumer } from './stock-consumer.ts';

/** The script of the batched consumer, or what makes a stock consumer. */
export type ConsumerChoice =
  | { readonly tick: TickScript }
  | { readonly createStock: typeof createStockConsumer };

/** Chooses the consumer, and loads what it needs. The stock consumer serves if there is no script. */
export async function chooseConsumer(consumer: 'batched' | 'stock', log: Log): Promise<ConsumerChoice> {
  if (consumer === 'batched') {
    const script = tickScript();
    if ('lua' in script) return { tick: script };
    log.warn({ reason: script.fault }, 'the stock consumer serves');
  }
  // It loads BullMQ, which is large.
  const stock = await import('./stock-consumer.ts');
  return { createStock: stock.createStockConsumer };
}
