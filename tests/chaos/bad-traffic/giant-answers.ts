import { randomUUID } from 'node:crypto';
import { badPath } from '../bad-work.ts';
import type { BadKind } from '../bad-work.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { startUpstream } from '../upstream.ts';
import { ending, exchange } from './exchange.ts';
import type { Asked, Exchange } from './exchange.ts';
import { generationsOf, replacedBetween } from './generations.ts';
import { judgeMemory, memoryBounds } from './memory-bounds.ts';

const largeBytes = 16 * 1024 * 1024;
const hugeBytes = 256 * 1024 * 1024;
const hugeTimeoutMs = 90_000;
/** The client of an endless answer leaves after this time, in ms. */
const leavesAfterMs = 3000;
const deadlineMs = 3000;
const parallel = 40;
/** Meanwhile every answer of the load must take less than this, in ms. */
const maxMs = 10_000;

/** @returns the scenario with answers from a handler, or from a server behind the replicas. */
function scenarioOf(name: string, source: string, behindUpstream: boolean): Scenario {
  return {
    name,
    description:
      `${parallel} answers of 16 MiB at once, an answer of 256 MiB, one without end, and one that drips ` +
      `without end past its deadline, all from ${source}. The first and the second are complete, the client ` +
      'of the third leaves, and the last is broken off at its deadline. No worker is replaced, every other ' +
      `request is answered 2xx within ${maxMs} ms, a gateway takes at most ${memoryBounds.gatewayMb} MiB of ` +
      `RAM and a worker ${memoryBounds.workerMb}.`,
    run: async (context) => {
      const upstream = behindUpstream ? await startUpstream(context.folder) : undefined;
      const unmet: string[] = [];
      let note = '';
      try {
        const run = await underLoad(
          context,
          {
            gateways: 2,
            controllers: 1,
            replicas: 3,
            ...(upstream === undefined ? {} : { settings: upstream.settings }),
            load: { connections: 16 },
          },
          async ({ cluster, load, fault }) => {
            const before = await generationsOf(cluster);
            const ask = (at: number, kind: BadKind, bytes = 0, asked: Asked = {}): Promise<Exchange> =>
              exchange(
                cluster.targets[at % cluster.targets.length] ?? '',
                badPath(`giant-${randomUUID()}`, kind, bytes),
                asked,
              );
            const expect = (what: string, answer: Exchange, holds: boolean): void => {
              const { bytes, ms } = answer;
              if (!holds) unmet.push(`${what}: ${ending(answer)}, ${bytes} bytes after ${Math.round(ms)} ms`);
            };
            await fault(`${parallel} answers of 16 MiB`, async () => {
              const all = await Promise.all(
                Array.from({ length: parallel }, (_, at) => ask(at, 'giant', largeBytes)),
              );
              const whole = all.filter(({ status, bytes }) => status === 200 && bytes === largeBytes);
              const bad = all.find((each) => !whole.includes(each));
              if (bad !== undefined)
                unmet.push(`${all.length - whole.length} answers of 16 MiB were incomplete: ${ending(bad)}`);
            });
            await fault('an answer of 256 MiB and endless answers', async () => {
              const [huge, endless, dripping] = await Promise.all([
                ask(0, 'giant', hugeBytes, { timeoutMs: hugeTimeoutMs }),
                ask(1, 'endless', 0, { timeoutMs: leavesAfterMs }),
                ask(0, 'drips', 0, { headers: { 'ringpost-deadline': String(deadlineMs) } }),
              ]);
              expect('256 MiB', huge, huge.status === 200 && huge.bytes === hugeBytes);
              expect('an endless answer', endless, endless.bytes > 0);
              const isBroken = dripping.status === undefined && dripping.bytes > 0;
              expect('a dripping answer', dripping, isBroken && dripping.ms < 2 * deadlineMs);
            });
            await load.answered(200);
            const replaced = replacedBetween(before, await generationsOf(cluster));
            if (replaced.length > 0) unmet.push(`workers of ${replaced.join(', ')} were replaced`);
            const memory = await judgeMemory(cluster);
            unmet.push(...memory.unmet);
            ({ note } = memory);
          },
        );
        const { verdict } = run;
        if (verdict.slowestMs >= maxMs) unmet.push(`another answer took ${Math.round(verdict.slowestMs)} ms`);
        return {
          rows: [{ what: `giant and endless answers of ${source}`, verdict, note }],
          unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, [])],
        };
      } finally {
        await upstream?.program.end();
      }
    },
  };
}

export const giantAnswers: readonly Scenario[] = [
  scenarioOf('giant-answers', 'a handler', false),
  scenarioOf('giant-answers-upstream', 'an upstream', true),
];
