import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeMachine } from '../machine.ts';
import type { Missing } from '../results.ts';
import { provide } from '../servers/install.ts';
import type { CommandLine } from './command-line.ts';
import { measure } from './measure.ts';
import { OpenLoopClient } from './open-loop.ts';
import { keyCount } from './plan.ts';
import { sampleLine } from './report.ts';
import type { LoadResults, Sample } from './results.ts';
import { startServers } from './servers.ts';
import type { Servers } from './servers.ts';
import { systems } from './systems.ts';
import type { SystemName } from './systems.ts';

/** Measures the systems by turns, so that changes of the machine affect all of them. */
export async function run(options: CommandLine, say: (line: string) => void): Promise<LoadResults> {
  const { plan, quick, settings } = options;
  // What cannot be installed is left out.
  await provide(['redis-server', 'haproxy', 'nginx'], say);
  const facts = { date: new Date().toISOString(), quick, plan, settings, machine: await describeMachine() };
  const samples: Sample[] = [];
  const missing: Missing[] = [];
  const chosen = options.systems.filter((system) => {
    const why = systems[system].missing();
    if (why !== undefined) missing.push({ system, why });
    return why === undefined;
  });
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ringpost-bench-')));
  let failed = false;
  {
    await using closing = new AsyncDisposableStack();
    const servers = await startServers(folder);
    closing.defer(() => servers.stop());
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const system of chosen) {
        const own = join(folder, `${system}-${round}`);
        await mkdir(own);
        try {
          for await (const sample of play(system, round, servers, own, options)) {
            samples.push(sample);
            say(`${round}/${plan.rounds} ${sampleLine(sample)}`);
            for (const fault of sample.faults) say(`  FAULT: ${fault}`);
          }
        } catch (error) {
          failed = true;
          const why = error instanceof Error ? error.message : String(error);
          say(`${round}/${plan.rounds} ${system}: FAILED: ${why}`);
          missing.push({ system, round, why });
        }
      }
    }
  }
  if (failed) say(`logs of the failures: ${folder}`);
  else await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  return { ...facts, samples, missing };
}

/** Starts a system, offers it all loads, and stops it. */
async function* play(
  system: SystemName,
  round: number,
  servers: Servers,
  folder: string,
  { plan, loads, settings, seed }: CommandLine,
): AsyncGenerator<Sample> {
  await using closing = new AsyncDisposableStack();
  const running = await systems[system].start({ folder, ports: servers.ports, settings });
  closing.defer(() => running.stop());
  // Other keys in each round: which server owns the popular ones is luck.
  const client = new OpenLoopClient(running.url, (key) => `key-${seed + round}-${key}`);
  closing.defer(() => client.close());
  // This warms the system up too.
  const owners = await client.owners(keyCount);
  for (const serviceMs of plan.serviceMs) {
    for (const load of loads) {
      const measured = await measure({
        running,
        servers,
        client,
        owners,
        load,
        serviceMs,
        plan,
        seed: seed + round,
      });
      yield { system, round, load, serviceMs, ...measured };
    }
  }
}
