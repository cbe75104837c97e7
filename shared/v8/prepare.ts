import { setFlagsFromString } from 'node:v8';
import { patchCommandPromises } from './command-promises.ts';

/** The flags of V8 that gateways and workers run with. docs/v8.md says what each gains. */
export const v8Flags = [
  // V8 would allocate objects in its old generation if many of their kind have lived long. All that live as
  // long as a request do.
  '--no-allocation-site-pretenuring',
  // The bytes of Buffers get a limit of their own. Otherwise they count for that of the heap, and V8 collects
  // all of a small heap for every few large bodies. The limit grows by 5 %; V8's 30 % need more memory.
  '--external-memory-accounted-in-global-limit',
  '--external-memory-max-growing-factor=1.05',
] as const;

/** Adapts V8's memory management to requests and large bodies. */
export function prepareV8(): void {
  for (const flag of v8Flags) setFlagsFromString(flag);
  patchCommandPromises();
}
