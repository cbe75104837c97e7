// A test as a user of ringpost writes it: node --test handler.test.ts
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRingpost } from 'ringpost/testing';

await test('counts the requests of each tenant in one replica', async () => {
  const system = await startRingpost({ handler: './handler.ts', replicas: 2 });
  try {
    for (const tenant of ['acme', 'bolt', 'cafe']) {
      for (const expected of [1, 2, 3]) {
        const response = await system.fetch(`/count/${tenant}`, { headers: { 'ringpost-key': tenant } });
        const { count } = (await response.json()) as { count: number };
        assert.equal(count, expected);
      }
    }
  } finally {
    await system.stop();
  }
});
