import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();

describe('a gateway with SHUTDOWN_DELAY_MS', () => {
  it('is not ready from the beginning of its stop, and serves until the delay is over', async () => {
    const { url, stop } = await system().start({ REPLICAS: '1', SHUTDOWN_DELAY_MS: '1500' });
    expect((await ask(url, { target: '/-/ready' })).status).toBe(200);
    const began = performance.now();
    const stopping = stop();
    const ready = await ask(url, { target: '/-/ready' });
    expect([ready.status, json(ready)]).toEqual([503, expect.objectContaining({ code: 'stopping' })]);
    expect((await ask(url, { target: '/-/live' })).status).toBe(200);
    while (performance.now() - began < 1300) {
      expect((await ask(url, { target: '/home' })).status).toBe(200);
      await delay(50);
    }
    await stopping;
    expect(performance.now() - began).toBeGreaterThan(1490);
    await expect(ask(url, { target: '/home' })).rejects.toThrow('ECONNREFUSED');
  });

  it('closes each connection after its next answer', async () => {
    const { url, stop } = await system().start({ REPLICAS: '1', SHUTDOWN_DELAY_MS: '1000' });
    const kept = await speak(url, 'GET /home HTTP/1.1\r\nHost: a\r\n\r\n');
    await kept.until(/successful/);
    const stopping = stop();
    kept.socket.write('GET /home HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await kept.ended).toMatch(/Connection: close\r\n[^]*successful/i);
    const next = await ask(url, { target: '/home' });
    expect(headerValue(next.headers, 'connection')).toBe('close');
    await stopping;
  });

  it('says what it waits for, and ends with 0 although the delay is longer than DRAIN_TIMEOUT_MS', async () => {
    const { startReady } = await scratch();
    const { redisUrl, namespace } = system();
    const command = await startReady({
      REDIS_URL: redisUrl,
      NAMESPACE: namespace,
      ROLE: 'gateway',
      SHUTDOWN_DELAY_MS: '2500',
      DRAIN_TIMEOUT_MS: '1000',
    });
    command.kill('SIGTERM');
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect(command.stderr()).toBe(
      'ringpost: waiting for load balancers, for 2500 ms (SHUTDOWN_DELAY_MS); a second Ctrl-C forces it\n',
    );
  });
});

describe('a gateway that could not start', () => {
  it('does not wait for SHUTDOWN_DELAY_MS', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const { start } = await scratch();
    const began = performance.now();
    const command = start({
      REDIS_URL: system().redisUrl,
      NAMESPACE: system().namespace,
      ROLE: 'gateway',
      PORT: new URL(url).port,
      SHUTDOWN_DELAY_MS: '60000',
    });
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});
