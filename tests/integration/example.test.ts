import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

it('sends all requests with one hash key to one replica', async () => {
  const { url } = await system().start({ REPLICAS: '2', HASH_KEY: 'header:x-user' });
  const replicaFor = async (user: string): Promise<string | null> => {
    const response = await fetch(`${url}/home`, { headers: { 'x-user': user } });
    expect(response.status).toBe(200);
    return response.headers.get('ringpost-replica');
  };
  const replica = await replicaFor('ada');
  expect(replica).toMatch(/^S[12]$/);
  for (let request = 0; request < 5; request += 1) expect(await replicaFor('ada')).toBe(replica);
});
