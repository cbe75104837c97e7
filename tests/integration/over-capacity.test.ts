import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const HANDLER = fileURLToPath(new URL('../fixtures/handlers/ledger.ts', import.meta.url));

it('more requests than QUEUE_LIMIT get 503 at once, and all others are answered', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ringpost-capacity-'));
  const { url } = await system().start({
    REPLICAS: '1',
    CONCURRENCY: '1',
    QUEUE_LIMIT: '5',
    HANDLER,
    LEDGER: join(directory, 'ledger'),
  });
  const started = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const response = await fetch(`${url}/x?ms=1000`);
      return { status: response.status, after: performance.now() - started, response };
    }),
  );
  const refused = answers.filter(({ status }) => status === 503);
  // Five wait, and the worker may have taken one already.
  expect(refused.length).toBeGreaterThanOrEqual(14);
  expect(refused.length).toBeLessThanOrEqual(15);
  for (const { after, response } of refused) {
    expect(after).toBeLessThan(1000);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'over_capacity' });
  }
  expect(answers.filter(({ status }) => status === 200).length).toBe(20 - refused.length);
  expect((await fetch(`${url}/later`)).status).toBe(200);
  await rm(directory, { recursive: true });
});
