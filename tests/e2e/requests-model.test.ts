import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseSpan } from '../fixtures/keyed-requests.ts';
import { settle, steps } from '../fixtures/request-world.ts';
import type { Model, Real } from '../fixtures/request-world.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const sequences = 30;

it(
  'any sequence of submit, poll, cancel, repeat, crash and restart ends as the model says',
  { timeout: 300_000 },
  async () => {
    const current = system();
    const settings = {
      HANDLER: handlerFile('spans'),
      LEDGER: workers.ledger(),
      CONCURRENCY: '4',
      LEASE_MS: '600',
    };
    const controller = await current.start({ ...settings, REPLICAS: '2' });
    let other: RunningGateway = await current.start({ ...settings, ROLE: 'gateway' });
    let turn = 0;
    const spans: Real['spans'] = async (path) =>
      (await workers.runs()).map(parseSpan).filter((span) => span.path === path);
    const real: Real = {
      gateway: () => (turn++ % 2 === 0 ? controller.url : other.url),
      killWorker: async () => {
        const lease = await leaseOf(current, turn % 2 === 0 ? 'S1' : 'S2');
        if (lease === undefined) return;
        try {
          process.kill(lease.pid, 'SIGKILL');
        } catch {
          // The worker has already ended.
        }
      },
      restartGateway: async () => {
        await other.stop();
        other = await current.start({ ...settings, ROLE: 'gateway' });
      },
      cutConnections: async () => {
        const list = String(await current.redis.client('LIST'));
        const ids = list.split('\n').flatMap((line) => {
          const id = /^id=(\d+) .*name=(\S+)/.exec(line);
          return id?.[1] !== undefined && id[2]?.startsWith(`${current.keys.prefix}:`) ? [id[1]] : [];
        });
        for (const id of ids) await current.redis.client('KILL', 'ID', id).catch(() => undefined);
      },
      runs: async (path) => (await spans(path)).filter(({ what }) => what === 'begin').length,
      spans,
    };
    let requests = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const model: Model = { requests: [], keys: [], crashed: false };
        await fc.asyncModelRun(() => ({ model, real }), sequence);
        await settle(model, real);
        requests += model.requests.length;
      }),
      { numRuns: sequences, endOnFailure: true, verbose: fc.VerbosityLevel.VeryVerbose },
    );
    console.log(`${sequences} sequences, ${requests} requests`);
    expect(requests).toBeGreaterThan(sequences);
  },
);
