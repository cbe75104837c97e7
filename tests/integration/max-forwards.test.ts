import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

describe('Max-Forwards', () => {
  it('is decremented for OPTIONS and TRACE, and unchanged for other methods', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    for (const [method, value] of [
      ['OPTIONS', '10'],
      ['OPTIONS', '1'],
      ['TRACE', '0002'],
      ['GET', '0'],
      ['POST', 'x'],
      ['OPTIONS', '99999999999999999999'],
    ] as const) {
      await ask(url, { method, target: '/a', headers: ['max-Forwards', value] });
    }
    const got = upstream.got.map(({ method, headers }) => [method, headerValue(headers, 'max-forwards')]);
    expect(got).toEqual([
      ['OPTIONS', '9'],
      ['OPTIONS', '0'],
      ['TRACE', '1'],
      ['GET', '0'],
      ['POST', 'x'],
      ['OPTIONS', '2147483647'],
    ]);
  });

  it('0 makes the gateway answer OPTIONS and TRACE itself', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    for (const target of ['/a', '*']) {
      const options = await ask(url, { method: 'OPTIONS', target, headers: ['Max-Forwards', '0'] });
      expect([options.status, options.body.length]).toEqual([200, 0]);
      expect(headerValue(options.headers, 'content-length')).toBe('0');
      const allow = headerValue(options.headers, 'allow')?.split(', ');
      expect(allow).toEqual(expect.arrayContaining(['GET', 'HEAD', 'POST', 'QUERY', 'TRACE', 'OPTIONS']));
      expect(allow).not.toContain('CONNECT');
    }
    const secret = ['Authorization', 'Bearer a', 'Cookie', 'b=c', 'X-Api-Key', 'd'];
    const trace = await ask(url, {
      method: 'TRACE',
      target: '/a?b',
      headers: ['Host', 'a.test', 'Max-Forwards', '0', 'X-E', '\xfc', ...secret],
    });
    expect(trace.status).toBe(200);
    expect(headerValue(trace.headers, 'content-type')).toBe('message/http');
    expect(trace.body.toString('latin1')).toBe(
      'TRACE /a?b HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\nX-E: \xfc\r\nConnection: close\r\n\r\n',
    );
    expect(upstream.got).toEqual([]);
  });

  it.each([
    ['that is not a number', 'Max-Forwards: x\r\n'],
    ['that is negative', 'Max-Forwards: -1\r\n'],
    ['that is empty', 'Max-Forwards:\r\n'],
    ['that occurs twice', 'Max-Forwards: 1\r\nMax-Forwards: 1\r\n'],
  ])('%s gets 400', async (_, field) => {
    const { url } = await system().start({ REPLICAS: '0', ROLE: 'gateway' });
    const { ended } = await speak(url, `OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${field}\r\n`);
    const heard = await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 400 /);
    expect(heard).toContain('Max-Forwards must be one whole number.');
  });
});

describe('OPTIONS *', () => {
  it('reaches the replica as it is, also in absolute form without a path', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    for (const target of ['*', 'http://a.test']) {
      const answer = await ask(url, { method: 'OPTIONS', target });
      expect(json(answer)).toEqual({
        message: "<Error> '*' endpoint does not exist in server replicas",
        status: 'failure',
      });
    }
  });

  it('is the only method for the target *', async () => {
    const { url } = await system().start({ REPLICAS: '0', ROLE: 'gateway' });
    const answer = await ask(url, { method: 'GET', target: '*' });
    expect([answer.status, json(answer)]).toEqual([
      400,
      expect.objectContaining({ code: 'request_malformed', detail: 'The target * is for OPTIONS alone.' }),
    ]);
  });
});
