import { join } from 'node:path';
import { System } from '../analysis/system.ts';
import type { Workshop } from '../chaos/workshop.ts';
import { compare } from './differences.ts';
import type { Comparison } from './differences.ts';
import { startFanOut } from './fan-out.ts';
import { reasons } from './reasons.ts';
import type { Results } from './results.ts';
import { runSuite } from './run-suite.ts';
import type { Suite } from './suite.ts';

/** The runs of a suite. */
export interface SuiteRuns {
  readonly suite: Suite;
  /** The results of each run. */
  readonly direct: readonly Results[];
  readonly through: readonly Results[];
  /** Compares the first runs. */
  readonly comparison: Comparison;
}

/**
 * The gateway's settings except `UPSTREAM`. Suites act as proxies, so their `X-Forwarded-*` must be trusted.
 */
export const gatewaySettings: NodeJS.ProcessEnv = {
  TRUSTED_PROXIES: '127.0.0.0/8',
  // The gateway adds no X-Forwarded-*, so the servers see only those of the suites.
  FORWARDED: 'standard',
  // A test of axios sends 42 MB.
  BODY_LIMIT_BYTES: String(64 * 1024 * 1024),
  // So that /-/ is the only path that the gateway answers itself.
  ADMIN_PORT: '0',
};

/** Runs the suites, one after the other, each directly and through a gateway. */
export async function runAll(
  workshop: Workshop,
  directory: string,
  suites: readonly Suite[],
  times: number,
): Promise<SuiteRuns[]> {
  const fanOut = await startFanOut();
  const settings = { ...gatewaySettings, UPSTREAM: fanOut.url };
  const system = await System.start(workshop, { id: 'gateway', settings }, 3);
  try {
    const runs: SuiteRuns[] = [];
    for (const suite of suites) {
      workshop.say(`${suite.name} …`);
      const checkout = join(directory, suite.name);
      const folder = await workshop.folderFor(suite.name);
      const direct: Results[] = [];
      const through: Results[] = [];
      for (let time = 1; time <= times; time += 1) {
        const name = `direct-${time}`;
        direct.push(await runSuite(suite, { checkout, folder, name, gatewayPort: undefined }));
        const gatewayPort = Number(new URL(system.url).port);
        through.push(await runSuite(suite, { checkout, folder, name: `through-${time}`, gatewayPort }));
      }
      const none: Results = new Map();
      const comparison = compare(direct[0] ?? none, through[0] ?? none, reasons.get(suite.name) ?? []);
      runs.push({ suite, direct, through, comparison });
    }
    return runs;
  } finally {
    await system.stop();
    await fanOut.stop();
  }
}
