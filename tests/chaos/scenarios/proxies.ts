import { now } from '../clock.ts';
import { readLedger } from '../ledger.ts';
import { Load } from '../load.ts';
import { Proxied } from '../proxied.ts';
import { binaryOf, haproxy, nginx } from '../proxy.ts';
import type { Proxy } from '../proxy.ts';
import { seededRandom } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { judge, recoveryMs } from '../verdict.ts';

const upstreams = 5;

/** The load and the kills of `replica-killed`, with a proxy in place of ringpost. */
function scenarioOf(proxy: Proxy): Scenario {
  return {
    name: `${proxy.name}-replica-killed`,
    description:
      `The load and the kills of \`replica-killed\` against ${proxy.name} in front of five HTTP servers ` +
      `that do the same work and are restarted at once; ${proxy.settings}. What it loses is counted, not ` +
      'judged.',
    missing: () => (binaryOf(proxy) === undefined ? `${proxy.name} is not installed` : undefined),
    run: async ({ workshop, folder, seed }) => {
      const proxied = await Proxied.start(workshop, folder, proxy, { servers: upstreams });
      const load = new Load({
        targets: [proxied.url],
        connections: 64,
        random: seededRandom(seed + 1),
        workMs: 200,
      });
      const kills: number[] = [];
      const startedAt = now();
      try {
        load.start();
        await load.answered(500);
        for (const upstream of proxied.upstreams) {
          workshop.say(`    +${((now() - startedAt) / 1000).toFixed(1)} s  kill -9 server ${upstream.name}`);
          kills.push(now());
          await proxied.killAndReplace(upstream);
          await load.answered(600);
        }
        await load.stop();
      } finally {
        await load.stop();
        await proxied.stop();
      }
      const verdict = judge(load.records, await readLedger(proxied.ledgerDirectory));
      const failedGets = verdict.idempotentFailed.length;
      return {
        rows: [
          {
            what: `${proxy.name}: ${kills.length} servers killed, one after the other`,
            verdict,
            recoveryMs: Math.max(
              ...kills.map((at) => recoveryMs(load.records, at) ?? Number.POSITIVE_INFINITY),
            ),
            note: `${failedGets} GETs not answered with 2xx`,
          },
        ],
        unmet: [],
      };
    },
  };
}

export const proxies: readonly Scenario[] = [haproxy, nginx].map(scenarioOf);
