import { expect, it } from 'vitest';
import type { Ejection } from '#shared/contract/ejection.ts';
import { createLogger } from '#shared/process/logger.ts';
import { defaultParameters } from '#shared/ring/strategies.ts';
import { EjectionStore } from '#shared/store/ring/ejection-store.ts';
import { LeaderLease } from '#shared/store/ring/leader-lease.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { seedReplicas } from '../../gateway/ring/replica-changes.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');

const ejection: Ejection = {
  count: 1,
  cause: 'consecutive_5xx',
  detail: '7 consecutive 5xx',
  generation: 1,
  since: 1000,
  until: 31_000,
};

it('a replica that is ejected leaves the ring in the same step, for the version that was decided on', async () => {
  const { connection } = system();
  const store = new RingStore(connection, log);
  const ejections = new EjectionStore(connection, log);
  await seedReplicas(store, defaultParameters('murmur3'), 2);
  const token = (await new LeaderLease(connection, log).take('c', 60_000)) ?? '';
  const slowStart = { tenths: 3, since: 1, endsAt: 2 };
  await store.changeRing(
    token,
    ['S1', 'S2'].map((name) => ({ name, generation: 1, slowStart })),
    [],
  );
  const { version } = await store.read();
  const eject = [{ name: 'S2', ejection }];
  expect(await ejections.change('other#1', version, eject)).toBe('deposed');
  expect(await ejections.change(token, version - 1, eject)).toBe('outdated');
  expect([...(await store.read()).ring.keys()]).toEqual(['S1', 'S2']);

  expect(await ejections.change(token, version, eject)).toBe('changed');
  const out = await store.read();
  expect([...out.ring.keys()]).toEqual(['S1']);
  expect([...out.slowStarts.keys()]).toEqual(['S1']);
  expect(out.ejections).toEqual(new Map([['S2', ejection]]));
  expect(out.version).toBe(version + 1);

  // The plan admits it, with the generation that its worker has then.
  const ended = { ...ejection, ended: 32_000 };
  expect(await ejections.change(token, out.version, [{ name: 'S2', ejection: ended }])).toBe('changed');
  const back = await store.read();
  expect([...back.ring.keys()]).toEqual(['S1']);
  expect(await ejections.change(token, back.version, [{ name: 'S2', ejection: undefined }])).toBe('changed');
  expect((await store.read()).ejections).toEqual(new Map());
});
