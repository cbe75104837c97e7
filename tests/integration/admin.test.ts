import { describe, expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('POST /add', () => {
  it('answers when the new replicas are in the ring, the old ones first', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const response = await post(`${url}/add`, { n: 2, hostnames: ['S5'] });
    const body = (await response.json()) as { message: { N: number; replicas: string[] } };
    expect(response.status).toBe(200);
    expect(body.message.replicas.slice(0, 2)).toEqual(['S1', 'S5']);
    expect(body.message.N).toBe(3);
  });
});
