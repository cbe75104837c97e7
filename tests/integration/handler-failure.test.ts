import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

describe('a handler that fails', () => {
  it('answers with a 500 problem however it fails, and its replica lives on', async () => {
    const { url } = await system().start({
      REPLICAS: '1',
      HANDLER: './tests/fixtures/handlers/faulty.ts',
      REPLY_TIMEOUT_MS: '5000',
    });
    const before = json(await ask(url, { target: '/well' }));
    const ways = ['/throws', '/rejects', '/rejects-later', '/text', '/nothing', '/number'];
    for (const target of [...ways, '/network-error', '/broken-body', '/odd-header', '/odd-header-large']) {
      const got = await ask(url, { method: 'POST', target, body: Buffer.from('x') });
      expect([got.status, headerValue(got.headers, 'content-type')], `at ${target}`).toEqual([
        500,
        'application/problem+json',
      ]);
      expect(json(got)).toMatchObject({ code: 'handler_failed', status: 500 });
      expect(headerValue(got.headers, 'ringpost-replica')).toBe('S1');
      expect(headerValue(got.headers, 'ringpost-request')).toBeDefined();
      expect(got.body.toString(), 'the client sees nothing of the error').not.toMatch(/thrown|rejected/);
    }
    expect(json(await ask(url, { target: '/well' }))).toEqual(before);
    const { redis, keys } = system();
    expect(await redis.llen(`${keys.replica('S1')}:active`)).toBeLessThanOrEqual(1);
  });
});
