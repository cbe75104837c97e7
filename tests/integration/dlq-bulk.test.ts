import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { callCli } from '../fixtures/command-line.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const scratch = useScratch();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));
// One call redrives a thousand.
const letters = 1010;

it('redrives each letter once, though each request fails again', { timeout: 180_000 }, async () => {
  const { url } = await system().start({ REPLICAS: '1', HANDLER: handler, LEDGER: workers.ledger() });
  const count = async (): Promise<number> => {
    const answer = await fetch(`${url}/-/api/dead-letters`);
    return ((await answer.json()) as { count: number }).count;
  };
  const headers = { prefer: 'respond-async', 'ringpost-retry': 'never' };
  for (let sent = 0; sent < letters; sent += 101) {
    await Promise.all(
      Array.from({ length: 101 }, async (_, at) => {
        const answer = await fetch(`${url}/x${sent + at}?fail=9&status=500`, { method: 'POST', headers });
        await answer.arrayBuffer();
      }),
    );
  }
  await expect.poll(count, { timeout: 60_000 }).toBe(letters);
  const { stdout, stderr } = await callCli(await scratch(), ['dlq', 'redrive', '--all', '--json'], {
    RINGPOST_URL: url,
  });
  expect(stderr).toBe('');
  expect((JSON.parse(stdout) as { redriven: unknown[] }).redriven).toHaveLength(letters);
  await expect.poll(count, { timeout: 60_000 }).toBe(letters);
});
