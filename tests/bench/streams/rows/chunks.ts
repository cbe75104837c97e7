import { setTimeout as delay } from 'node:timers/promises';
import { eventBytes, events } from '../../../fixtures/pattern.ts';
import { busyStreams } from '../plan.ts';
import type { Measured } from '../sample.ts';
import { costOf, cpuValues } from '../scene.ts';
import type { Scene } from '../scene.ts';
import { faultsOf, StreamClient } from '../stream-client.ts';

/** Streams with an event of 100 B every 10 ms: what an event costs. */
export async function measureChunks(scene: Scene): Promise<Measured> {
  const { running, plan } = scene;
  const clients = Array.from(
    { length: busyStreams },
    (_, at) => new StreamClient(`${running.url}/events/${at}`, events),
  );
  try {
    await Promise.all(clients.map(({ firstByte }) => firstByte));
    await delay(plan.warmUpSeconds * 1000);
    const bytesOfAll = (): number => clients.reduce((sum, { bytes }) => sum + bytes, 0);
    const { result: chunks, cost } = await costOf(
      scene,
      () =>
        scene.profiled('chunks', async () => {
          const before = bytesOfAll();
          await delay(plan.seconds * 1000);
          return (bytesOfAll() - before) / eventBytes;
        }),
      (count) => count,
    );
    return {
      values: {
        chunksPerS: chunks / plan.seconds,
        ...cpuValues(cost, chunks),
        ...(cost.redis && { commands: cost.redis.commands }),
      },
      faults: faultsOf(clients),
    };
  } finally {
    for (const client of clients) client.leave();
  }
}
