import { describe, expect, it } from 'vitest';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

const fields = (count: number): string[] => Array.from({ length: count }, (_, at) => [`X-${at}`, '1']).flat();

describe('the head of a request', () => {
  it('may have HEAD_LIMIT_FIELDS fields, which all arrive; one more is an explained 431', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url, HEAD_LIMIT_FIELDS: '100' });
    // The limit includes `Host` and `Connection`.
    const most = await ask(url, { target: '/a', headers: fields(98) });
    expect(most.status).toBe(200);
    const names = upstream.got[0]?.headers.filter((name, at) => at % 2 === 0 && /^X-\d+$/.test(name));
    expect(names).toHaveLength(98);
    for (const target of ['/a', '/-/live']) {
      const more = await ask(url, { target, headers: fields(99) });
      expect(more.status).toBe(431);
      expect(json(more)).toMatchObject({
        code: 'header_too_large',
        detail: 'The head has more than 100 header fields (HEAD_LIMIT_FIELDS).',
      });
    }
    expect(upstream.got).toHaveLength(1);
  });

  it('with a Host after too many fields is refused for their number', async () => {
    const { url } = await system().start({ REPLICAS: '0', ROLE: 'gateway', HEAD_LIMIT_FIELDS: '10' });
    const many = 'X: 1\r\n'.repeat(5000);
    const { ended } = await speak(url, `POST / HTTP/1.1\r\n${many}Host: a\r\nContent-Length: 3\r\n\r\nabc`);
    const heard = await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 431 /);
    expect(heard).toContain('more than 10 header fields (HEAD_LIMIT_FIELDS)');
  });

  it('may have HEAD_LIMIT_BYTES bytes; more is an explained 431', async () => {
    const { url } = await system().start({ REPLICAS: '1', HEAD_LIMIT_BYTES: '2000' });
    expect((await ask(url, { target: '/home', headers: ['X', 'x'.repeat(1800)] })).status).toBe(200);
    const { ended } = await speak(url, `GET /home HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2000)}\r\n\r\n`);
    const heard = await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 431 /);
    expect(heard).toContain('The head has more than 2000 bytes (HEAD_LIMIT_BYTES).');
  });
});

describe('Expect', () => {
  it('other than 100-continue gets a 417 problem', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    for (const target of ['/a', '/-/live']) {
      const answer = await ask(url, {
        method: 'POST',
        target,
        headers: ['Expect', '200-ok'],
        body: Buffer.from('a'),
      });
      expect(answer.status).toBe(417);
      expect(json(answer)).toMatchObject({
        code: 'expectation_failed',
        status: 417,
        detail: 'Expect is "200-ok"; only 100-continue is supported.',
      });
    }
    expect(upstream.got).toEqual([]);
  });

  it('is ignored over HTTP/1.0', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const { ended } = await speak(url, 'GET /home HTTP/1.0\r\nExpect: 200-ok\r\n\r\n');
    expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});
