import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import { prepareV8 } from '#shared/v8/prepare.ts';
import { startLeaseThread } from './lease/start-lease-thread.ts';

/**
 * Fills Node's cache of compiled code with the modules of a worker. This process has loaded those of the main
 * thread; the lease thread loads its own.
 */
export async function fillCompileCache(): Promise<void> {
  // Some workers load BullMQ later.
  await import('./queue/stock-consumer.ts');
  // Node keeps a cache for each set of V8's flags. A worker loads its own modules before it sets the flags,
  // and those of the lease thread after that.
  flushCompileCache();
  prepareV8();
  await once(startLeaseThread(process.env), 'exit');
}
