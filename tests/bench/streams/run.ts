import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { describeMachine } from '../machine.ts';
import type { Missing } from '../results.ts';
import { provide } from '../servers/install.ts';
import type { CommandLine } from './command-line.ts';
import { largeBytes } from './plan.ts';
import { sampleLine } from './report.ts';
import type { StreamResults } from './results.ts';
import { measureChunks } from './rows/chunks.ts';
import { firstBytes, measureFirstByte } from './rows/first-byte.ts';
import { measureIdle } from './rows/idle.ts';
import { fetchAll, measureLarge } from './rows/large.ts';
import { measurePlain } from './rows/plain.ts';
import type { Measured, RowName, Sample } from './sample.ts';
import type { Scene } from './scene.ts';
import { proxy, ringpost } from './systems.ts';
import type { StreamSystem } from './systems.ts';
import { earlier, ours } from './targets.ts';

const upstreamMain = fileURLToPath(new URL('upstream.ts', import.meta.url));

const measures: Readonly<Record<RowName, (scene: Scene) => Promise<Measured>>> = {
  'first-byte': measureFirstByte,
  chunks: measureChunks,
  plain: measurePlain,
  idle: measureIdle,
  large: measureLarge,
};

/** A system and what is measured with it. */
interface Turn {
  readonly system: StreamSystem;
  readonly rows: readonly RowName[];
}

/** Measures the systems in turns, so that changes of the machine affect all of them. */
export async function measure(options: CommandLine, say: (line: string) => void): Promise<StreamResults> {
  const { plan, quick, rows, before, withProxy } = options;
  const absent = await provide(['wrk', 'redis-server'], say);
  const why = [...absent.values()].join('; ');
  if (why !== '') throw new Error(why);
  const turns: Turn[] = [{ system: ringpost(ours, 'ringpost'), rows }];
  if (before !== undefined) {
    const gateway = join(resolve(before), 'gateway/main.ts');
    const plain = rows.filter((row) => row === 'plain');
    turns.push({ system: ringpost(earlier, `ringpost of ${before}`, gateway), rows: plain });
  }
  if (withProxy) turns.push({ system: proxy, rows: rows.filter((row) => row !== 'plain' || !before) });
  const facts = { date: new Date().toISOString(), quick, plan, machine: await describeMachine() };
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'ringpost-bench-')));
  const port = String(await freePort());
  const samples: Sample[] = [];
  const missing: Missing[] = [];
  {
    await using closing = new AsyncDisposableStack();
    const upstream = await startProgram({
      command: process.execPath,
      args: [upstreamMain],
      env: { PORT: port },
      cwd: folder,
      logFile: join(folder, 'upstream.log'),
      ready: /^ready/,
    });
    closing.defer(() => upstream.end());
    const upstreamUrl = `http://127.0.0.1:${port}`;
    await warmUp(upstreamUrl);
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const turn of turns) {
        const own = await mkdtemp(join(folder, `${turn.system.name}-`));
        try {
          for await (const sample of play(turn, round, upstreamUrl, own, options)) {
            samples.push(sample);
            say(`${round}/${plan.rounds} ${sampleLine(sample)}`);
            for (const fault of sample.faults) say(`  FAULT: ${fault}`);
          }
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          say(`${round}/${plan.rounds} ${turn.system.name}: FAILED: ${reason}`);
          missing.push({ system: turn.system.name, round, why: reason });
        }
      }
    }
  }
  if (missing.length === 0) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  else say(`logs of the failures: ${folder}`);
  return { ...facts, samples, missing };
}

/** Lets V8 compile the client and the upstream, which would otherwise slow down the first system. */
async function warmUp(upstream: string): Promise<void> {
  await firstBytes(upstream, 100);
  for (let time = 0; time < 3; time += 1) await fetchAll(upstream, 1, largeBytes);
}

let runs = 0;

/** Starts a system, measures each group with it, and stops it. */
async function* play(
  { system, rows }: Turn,
  round: number,
  upstream: string,
  folder: string,
  { plan, profile }: CommandLine,
): AsyncGenerator<Sample> {
  if (profile !== undefined) await mkdir(profile, { recursive: true });
  await using closing = new AsyncDisposableStack();
  const running = await system.start({ folder, upstream, workers: plan.workers });
  closing.defer(() => running.stop());
  const scene: Scene = {
    running,
    plan,
    upstream,
    nextRun: () => (runs += 1),
    profiled: (name, act) =>
      profile === undefined
        ? act()
        : running.probes.profiled(resolve(profile), `${name}-${system.name}-${round}`, act),
  };
  for (const row of rows) {
    yield { system: system.name, round, row, ...(await measures[row](scene)) };
  }
}
