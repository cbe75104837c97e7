import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { badPath } from '../bad-work.ts';
import type { Cluster } from '../cluster.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { startUpstream } from '../upstream.ts';
import { ending, exchange } from './exchange.ts';
import { sendAsync } from './handed-over.ts';
import { openClients } from './leaving-clients.ts';
import type { Ask } from './leaving-clients.ts';
import { commandRate } from './redis-rate.ts';

/** Clients that send the same kind of request and leave. */
interface Crowd {
  readonly what: string;
  readonly count: number;
  /** @param delayed the path of an async request that does not end meanwhile. */
  ask(delayed: string, at: number): Ask;
}

const crowds: readonly Crowd[] = [
  {
    what: 'endless streams',
    count: 330,
    ask: () => ({ path: badPath(`stream-${randomUUID()}`, 'drips') }),
  },
  { what: 'long polls', count: 300, ask: (delayed) => ({ path: `${delayed}?wait=60` }) },
  {
    what: 'connections of 100 pipelined long polls',
    count: 3,
    ask: (delayed) => ({ path: `${delayed}?wait=60`, pipelined: 100 }),
  },
  {
    what: 'event streams',
    count: 150,
    ask: (delayed) => ({ path: delayed, headers: { accept: 'text/event-stream' } }),
  },
  {
    what: 'requests with `Prefer: wait`',
    count: 150,
    ask: (_, at) => ({
      path: badPath(`wait-${randomUUID()}`, 'hangs', 5000),
      headers: { prefer: at % 2 === 0 ? 'wait=60' : 'respond-async, wait=60' },
    }),
  },
];

/** How long a crowd stays, in ms. */
const staysMs = 700;
/** Everything has to be as before this long after the crowd has left, in ms. */
const settlesMs = 2000;
const measureMs = 1000;
/** The next GET must take less than this, in ms. */
const maxMs = 1000;

export const vanishingClients: Scenario = {
  name: 'vanishing-clients',
  description:
    `${crowds.map(({ what, count }) => `${count} ${what}`).join(', ')}: each group opens its connections ` +
    `and closes them all after ${staysMs} ms. The replicas forward to one \`UPSTREAM\`. ` +
    `${settlesMs / 1000} s later Redis runs no more commands per second than before, and the next GET is ` +
    `answered within ${maxMs} ms after they have left.`,
  run: async (context) => {
    const upstream = await startUpstream(context.folder);
    const unmet: string[] = [];
    const notes: string[] = [];
    try {
      const run = await underLoad(
        context,
        {
          gateways: 2,
          controllers: 1,
          replicas: 3,
          settings: upstream.settings,
          // A small steady load, so that leftovers show in the rate of commands.
          load: { connections: 4, restMs: 150, workMs: 20 },
          warmUp: 30,
        },
        async ({ cluster, fault }) => {
          const [url = ''] = cluster.targets;
          const delayed = await sendAsync(url, '/delayed', { 'ringpost-delay': '100' });
          const idle = await commandRate(cluster.redis, measureMs);
          for (const crowd of crowds) {
            await fault(`${crowd.count} ${crowd.what}`, async () => {
              const { note, wrong } = await comeAndGo(cluster, crowd, new URL(delayed.self).pathname, idle);
              notes.push(note);
              unmet.push(...wrong);
            });
          }
          await fetch(delayed.self, { method: 'DELETE' }).then((answer) => answer.body?.cancel());
        },
      );
      return {
        rows: [{ what: 'clients that leave', verdict: run.verdict, note: notes.join('; ') }],
        unmet: [...run.unmet, ...unmet, ...unexpectedCodes(run.verdict, [])],
      };
    } finally {
      await upstream.program.end();
    }
  },
};

async function comeAndGo(
  cluster: Cluster,
  { what, count, ask }: Crowd,
  delayed: string,
  idle: number,
): Promise<{ readonly note: string; readonly wrong: readonly string[] }> {
  const clients = await openClients(cluster.targets, count, (at) => ask(delayed, at));
  await delay(staysMs);
  clients.leave();
  const wrong: string[] = [];
  // Several, so that they reach all gateways and replicas and a slot that was not released shows.
  const next = await Promise.all(
    Array.from({ length: 12 }, (_, at) =>
      exchange(cluster.targets[at % cluster.targets.length] ?? '', `/${randomUUID()}`),
    ),
  );
  const slowest = Math.round(Math.max(...next.map(({ ms }) => ms)));
  const failed = next.find(({ status }) => status !== 200);
  if (failed !== undefined) wrong.push(`${what}: the next GET was answered ${ending(failed)}`);
  if (slowest >= maxMs) wrong.push(`${what}: the next GET took ${slowest} ms`);
  await delay(Math.max(0, settlesMs - slowest));
  const rate = await commandRate(cluster.redis, measureMs);
  if (rate > allowedRate(idle))
    wrong.push(`${what}: ${rate} commands a second ${settlesMs} ms after they left, ${idle} before`);
  return { note: `${what}: next GET ${slowest} ms, ${rate} commands/s for ${idle} before`, wrong };
}

/** @returns the highest rate that counts as idle. It leaves room because the load and timers vary. */
function allowedRate(idle: number): number {
  return idle * 1.3 + 100;
}
