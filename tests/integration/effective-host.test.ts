import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

describe('the authority of an absolute target', () => {
  it.each([
    ['beside another Host', 'GET http://right.test:8080/a?b HTTP/1.1\r\nHost: wrong.test\r\n'],
    ['beside an empty Host', 'GET http://right.test:8080/a?b HTTP/1.1\r\nHost:\r\n'],
    ['over HTTP/1.0, without a Host', 'GET http://right.test:8080/a?b HTTP/1.0\r\n'],
    ['with https', 'GET HTTPS://right.test:8080/a?b HTTP/1.1\r\nhost: wrong.test\r\n'],
  ])('becomes the Host for the replica, and the host of Forwarded: %s', async (_, said) => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const { ended } = await speak(url, `${said}Connection: close\r\n\r\n`);
    expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const [got] = upstream.got;
    expect(got?.url).toBe('/a?b');
    const hosts = got?.headers.filter(
      (_value, at, all) => all[at - 1]?.toLowerCase() === 'host' && at % 2 === 1,
    );
    expect(hosts).toEqual(['right.test:8080']);
    expect(headerValue(got?.headers ?? [], 'forwarded')).toContain('host="right.test:8080"');
  });

  it('is the Host that admin calls are checked by', async () => {
    const { url } = await system().start({ REPLICAS: '0', ROLE: 'gateway' });
    const status = async (target: string, host: string): Promise<number> =>
      (await ask(url, { target, headers: ['Host', host] })).status;
    expect(await status('/rep', 'localhost')).toBe(200);
    expect(await status('http://localhost/rep', 'evil.test')).toBe(200);
    expect(await status('http://evil.test/rep', 'localhost')).toBe(403);
    expect(await status('http://evil.test/-/ring', 'localhost')).toBe(403);
  });
});

describe('a request', () => {
  const refused: [string, string][] = [
    ['without Host', 'GET {} HTTP/1.1\r\n'],
    ['with two Hosts', 'GET {} HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n'],
    ['with an empty Host', 'GET {} HTTP/1.1\r\nHost:\r\n'],
    ['with a space in Host', 'GET {} HTTP/1.1\r\nHost: local host\r\n'],
    ['with a path in Host', 'GET {} HTTP/1.1\r\nHost: localhost/a\r\n'],
    ['with a user in Host', 'GET {} HTTP/1.1\r\nHost: me@localhost\r\n'],
    ['with a wrong port in Host', 'GET {} HTTP/1.1\r\nHost: localhost:x\r\n'],
    ['with a wrong Host over HTTP/1.0', 'GET {} HTTP/1.0\r\nHost: local host\r\n'],
    ['with a wrong Host and an absolute target', 'GET http://localhost{} HTTP/1.1\r\nHost: a b\r\n'],
    ['without Host and with an absolute target', 'GET http://localhost{} HTTP/1.1\r\n'],
    ['with a fragment', 'GET {}#a HTTP/1.1\r\nHost: localhost\r\n'],
    ['with a fragment after a query', 'GET {}?a#b HTTP/1.1\r\nHost: localhost\r\n'],
    ['with user information', 'GET http://me@localhost{} HTTP/1.1\r\nHost: localhost\r\n'],
    ['with another scheme', 'GET ftp://localhost{} HTTP/1.1\r\nHost: localhost\r\n'],
    ['with an invalid host', 'GET http://local$[host{} HTTP/1.1\r\nHost: localhost\r\n'],
    ['with a fragment and a body', 'POST {}#a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc'],
  ];

  it.each(refused)('%s gets 400 `request_malformed`, and is never dispatched', async (_, said) => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    for (const path of ['/home', '/-/live', '/-/nothing']) {
      const { ended } = await speak(url, `${said.replace('{}', path)}\r\n`);
      const heard = await ended;
      expect(heard, path).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
      expect(heard).toMatch(/^content-type: application\/problem\+json\r$/im);
      expect(heard).toMatch(/^connection: close\r$/im);
      expect(heard).toMatch(/^date: /im);
      expect(heard.slice(heard.indexOf('\r\n\r\n'))).toContain('"code":"request_malformed"');
    }
    const { ended } = await speak(url, `${said.replace('{}', '/rep')}\r\n`);
    const heard = await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(upstream.got).toEqual([]);
  });

  it('with an invalid Host is refused without 100 Continue', async () => {
    const { url } = await system().start({ REPLICAS: '0', ROLE: 'gateway' });
    const { until, socket } = await speak(
      url,
      'POST /x HTTP/1.1\r\nHost: a b\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n',
    );
    expect(await until(/\}$/)).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
  });

  it('without Host over HTTP/1.0 is served', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const { ended } = await speak(url, 'GET /home HTTP/1.0\r\n\r\n');
    expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('to the admin contract is answered in the form of the contract if it is malformed', async () => {
    const { url } = await system().start({ REPLICAS: '0', ROLE: 'gateway' });
    const answer = await ask(url, { target: '/rep', headers: ['Host', 'a b'] });
    expect(answer.status).toBe(400);
    expect(json(answer)).toEqual({
      message: '<Error> Host is "a b"; it must be a host, with or without a port.',
      status: 'failure',
    });
  });
});
