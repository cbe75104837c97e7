import { setFlagsFromString } from 'node:v8';
import { patchCommandPromises } from './command-promises.ts';

/**
 * Keeps V8 from allocating the objects of requests in its old generation. V8 does so if many objects of one
 * kind have lived long, as all do that live as long as a request. docs/v8.md says what this gains and how
 * that was measured.
 */
export function disablePretenuring(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  patchCommandPromises();
}
