import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../random.ts';
import type { Choose } from '../soak-fault.ts';
import { keptShare } from './family.ts';
import { StreamLoad } from './stream-load.ts';
import { alwaysUnmetOfStreams, judgeStreams } from './stream-verdict.ts';

/** Streams as a fault of the soak, which other faults hit. */
export const streamsComeAndGo: Choose = async ({ cluster, random, meanwhile }) => {
  const streams = random.between(20, 60);
  const ms = random.between(3000, 8000);
  const seed = random.between(0, 2 ** 30);
  const act = async (): Promise<void> =>
    meanwhile(async () => {
      const load = new StreamLoad({
        targets: cluster.targets,
        streams,
        random: seededRandom(seed),
        kept: keptShare,
        mayBeGone: true,
      });
      load.start();
      await delay(ms);
      const unmet = alwaysUnmetOfStreams(judgeStreams(await load.stop()));
      if (unmet.length > 0) throw new Error(unmet.join('; '));
    });
  return { kind: 'streams', detail: `${streams} for ${ms} ms`, act };
};
