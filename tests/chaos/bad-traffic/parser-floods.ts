import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../clock.ts';
import { endedAt, sentAt } from '../record.ts';
import type { RequestRecord } from '../record.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { flood } from './flood.ts';
import type { FloodResult } from './flood.ts';

const baselineMs = 4000;
const floodMs = 8000;
const connections = 6;
/** The flood must add less than this to the 99th percentile and to the slowest ordinary answer, in ms. */
const maxAddedP99Ms = 250;
const maxAddedMs = 1000;

export const parserFloods: Scenario = {
  name: 'parser-floods',
  description:
    `${connections} connections send heads of 60 KB for ${floodMs / 1000} s: runs of spaces, quotes, ` +
    'backslashes, commas and open quotes in `Prefer`, `Ringpost-*`, `Idempotency-Key`, `Cookie`, ' +
    "`Connection` and others, and in targets. A field of ringpost's own that is too long is answered 400, " +
    'any other request as usual. The 99th percentile of ordinary answers grows by less than ' +
    `${maxAddedP99Ms} ms, and the slowest by less than ${maxAddedMs} ms.`,
  run: async (context) => {
    let result: FloodResult = { sent: 0, slowestMs: 0, wrong: [] };
    let baselineFrom = 0;
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 1,
        replicas: 3,
        settings: { HASH_KEY: 'header:ringpost-key,cookie:session,query:user,random' },
        load: { connections: 32 },
      },
      async ({ cluster, fault }) => {
        baselineFrom = now();
        await delay(baselineMs);
        await fault('nasty fields and targets', async () => {
          result = await flood(cluster.targets, { connections, ms: floodMs, judge: true });
        });
      },
    );
    const { verdict, records, faults } = run;
    const [flooded] = faults;
    const before = times(records, baselineFrom, flooded?.from ?? 0);
    const during = times(records, flooded?.from ?? 0, flooded?.to ?? 0);
    const unmet = [...run.unmet, ...result.wrong, ...unexpectedCodes(verdict, [])];
    if (during.p99 - before.p99 >= maxAddedP99Ms)
      unmet.push(`the 99th percentile was ${during.p99} ms, and ${before.p99} ms without the flood`);
    if (during.slowest - before.slowest >= maxAddedMs)
      unmet.push(`the slowest answer took ${during.slowest} ms, and ${before.slowest} ms without the flood`);
    const note =
      `${result.sent} nasty requests, the slowest ${Math.round(result.slowestMs)} ms; 99th percentile and ` +
      `slowest of the others ${during.p99} and ${during.slowest} ms, without the flood ${before.p99} and ` +
      `${before.slowest}`;
    return { rows: [{ what: 'heads of 60 KB that make parsers slow', verdict, note }], unmet };
  },
};

/** @returns the 99th percentile and the maximum time, in ms, of requests sent between `from` and `to`. */
function times(
  records: readonly RequestRecord[],
  from: number,
  to: number,
): { readonly p99: number; readonly slowest: number } {
  const all = records
    .filter((record) => sentAt(record) >= from && sentAt(record) <= to)
    .map((record) => endedAt(record) - sentAt(record))
    .toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(all[Math.floor((all.length - 1) * share)] ?? 0);
  return { p99: at(0.99), slowest: at(1) };
}
