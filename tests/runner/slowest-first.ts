import { basename } from 'node:path';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/**
 * Files that take longer than 20 s, the slowest first. A slow file that starts last would run when the others
 * have ended, and leave the machine idle. `npm test` prints the times from which this list is made.
 */
const slowFiles = [
  'lost-nodes',
  'redis-failover',
  'callbacks-crash',
  'durable-streams',
  'trouble',
  'replicas',
  'sleep',
  'requests-model',
  'dashboard',
  'directives',
  'key-concurrency',
  'admin-refusals',
  'shutdown-clients',
  'garbled-keys',
  'clock-skew',
  'suspects',
  'adoption',
  'dashboard-actions',
  'dashboard-load',
  'cli',
  'cli-start',
  'stream-clients',
  'stream-answers',
  'dispatch-capacity',
  'respawn',
  'garbled-data',
  'request-ttls',
  'one-run-per-key',
  'callbacks',
  'dev',
  'standalone',
  'shutdown',
  'effective-host',
  'callback-receivers',
  'request-event-stream',
  'watches',
  'idempotency',
  'bounded-loads',
  'dead-letters',
].map((name) => `${name}.test.ts`);

/** Starts slow files before others of their group, whatever project they belong to. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = slowFiles.indexOf(basename(moduleId));
      return at === -1 ? slowFiles.length : at;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array, and returns a new one
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => group(one) - group(other) || rank(one) - rank(other));
  }
}
