import { setTimeout as delay } from 'node:timers/promises';
import type { Role } from '../../measure/cpu.ts';
import { eventBytes, events } from '../../../fixtures/pattern.ts';
import type { Memory, Probe } from '../probes.ts';
import type { Measured } from '../sample.ts';
import type { Scene } from '../scene.ts';
import { faultsOf, StreamClient } from '../stream-client.ts';
import { loadFaults, plainLoad } from './plain.ts';

/** So many are opened at once. */
const opening = 100;
const settleMs = 500;

/**
 * The rate of ordinary requests before, while and after many streams are open that bring nothing, and the
 * memory that these need. The rate without them is the mean of before and after, so that a change of the
 * machine affects both.
 */
export async function measureIdle(scene: Scene): Promise<Measured> {
  const { running, plan, upstream } = scene;
  await plainLoad(scene, plan.warmUpSeconds);
  const before = await plainLoad(scene, plan.seconds);
  const empty = await running.probes.memory();
  const clients: StreamClient[] = [];
  try {
    while (clients.length < plan.idleStreams) {
      const more = Array.from(
        { length: Math.min(opening, plan.idleStreams - clients.length) },
        (_, at) => new StreamClient(`${running.url}/idle/${clients.length + at}`, events),
      );
      clients.push(...more);
      await Promise.all(more.map(({ firstByte }) => firstByte));
    }
    await delay(settleMs);
    const full = await running.probes.memory();
    const during = await plainLoad(scene, plan.seconds);
    // Each of them still works, and ends cleanly.
    const woken = Number(await (await fetch(`${upstream}/wake`)).text());
    await Promise.race([Promise.all(clients.map(({ ended }) => ended)), delay(10_000)]);
    const whole = clients.filter(({ bytes }) => bytes === 2 * eventBytes).length;
    const after = await plainLoad(scene, plan.seconds);
    const without = (before.answered / before.seconds + after.answered / after.seconds) / 2;
    return {
      values: {
        rateWithout: without,
        rateWith: during.answered / during.seconds,
        lossPercent: (1 - during.answered / during.seconds / without) * 100,
        ...perStream(empty, full, plan.idleStreams),
      },
      faults: [
        ...[before, during, after].flatMap(loadFaults),
        ...faultsOf(clients),
        ...(woken === plan.idleStreams ? [] : [`${woken} idle streams were open at the upstream`]),
        ...(whole === plan.idleStreams ? [] : [`${whole} idle streams got their last event`]),
      ],
    };
  } finally {
    for (const client of clients) client.leave();
  }
}

/** @returns by how much each role has grown for a stream, in KB. */
function perStream(
  before: ReadonlyMap<Probe, Memory>,
  after: ReadonlyMap<Probe, Memory>,
  streams: number,
): Record<string, number> {
  const grown = (of: Role, kind: keyof Memory): number => {
    const sum = (all: ReadonlyMap<Probe, Memory>): number =>
      [...all].reduce((bytes, [{ role }, memory]) => bytes + (role === of ? memory[kind] : 0), 0);
    return (sum(after) - sum(before)) / streams / 1000;
  };
  const roles = new Set([...after.keys()].map(({ role }) => role));
  return Object.fromEntries(
    [...roles].flatMap((role) => [
      [`kbRss_${role}`, grown(role, 'rss')],
      [`kbLive_${role}`, grown(role, 'live')],
    ]),
  );
}
