import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { clientOf, originForm, replyHeaders, requestHeaders } from '../../gateway/dispatch/forwarding.ts';

/** The headers that go to the replica for a request with those. */
function forwarded(raw: string[], ip = '192.0.2.7', version = '1.1'): string[] {
  const message = new IncomingMessage(new Socket());
  message.rawHeaders = raw;
  message.httpVersion = version;
  return requestHeaders(message, ip);
}

/** The values of the `Forwarded` headers. */
function forwardedBy(ip: string, ...raw: string[]): string[] {
  const headers = forwarded(raw, ip);
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === 'Forwarded');
}

describe('the headers of a request to a replica', () => {
  it('keep order, case, repetition, empty and latin1 values, and Host', () => {
    const raw = ['X-B', '2', 'HOST', 'shop.test:81', 'x-a', '', 'X-B', 'é\u00ff', 'Content-Length', '0'];
    expect(forwarded(raw).slice(0, raw.length)).toEqual(raw);
  });

  it('lack those of the hop, and those that Connection names', () => {
    const hop = ['Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'TE', 'Trailer', 'Upgrade', 'Expect'];
    const raw = ['Host', 'a', 'Connection', 'close, x-one', 'connection', 'X-TWO', 'X-One', '1'].concat(
      ['x-two', '2', 'X-Three', '3'],
      hop.flatMap((name) => [name, 'x']),
    );
    expect(forwarded(raw).slice(0, -4)).toEqual(['Host', 'a', 'X-Three', '3']);
  });

  it.each(['1.0', '1.1'])('have Via with the version that was received: %s', (version) => {
    expect(forwarded(['Host', 'a'], '', version)).toContain(`${version} ringpost`);
  });

  it('keep the Via and Forwarded of earlier hops before their own', () => {
    const raw = ['Via', '1.0 fred', 'Host', 'a', 'Forwarded', 'for=198.51.100.1'];
    expect(forwarded(raw)).toEqual(
      raw.concat('Via', '1.1 ringpost', 'Forwarded', 'for=192.0.2.7;host="a";proto=http'),
    );
  });

  it.each([
    ['192.0.2.7', 'shop.test:81', 'for=192.0.2.7;host="shop.test:81";proto=http'],
    ['::1', 'a', 'for="[::1]";host="a";proto=http'],
    ['::ffff:192.0.2.7', 'a', 'for="[::ffff:192.0.2.7]";host="a";proto=http'],
    ['', 'a', 'for=unknown;host="a";proto=http'],
    ['192.0.2.7', 'a"b\\c', 'for=192.0.2.7;host="a\\"b\\\\c";proto=http'],
  ])('have Forwarded for %s at %s: %s', (ip, host, value) => {
    expect(forwardedBy(ip, 'Host', host)).toEqual([value]);
  });

  it('have Forwarded without a host where the client named none', () => {
    expect(forwardedBy('192.0.2.7')).toEqual(['for=192.0.2.7;proto=http']);
  });
});

describe('clientOf', () => {
  it.each([['192.0.2.7'], ['::1'], ['::ffff:192.0.2.7'], ['']])(
    'is who has sent it to the gateway: %s',
    (ip) => {
      expect(clientOf(forwarded(['Host', 'a,for=10.0.0.1'], ip))).toBe(ip);
      expect(clientOf(forwarded(['Host', 'a', 'Forwarded', 'for=198.51.100.1'], ip))).toBe(ip);
    },
  );

  it('is nobody where no gateway has noted it', () => expect(clientOf(['Host', 'a'])).toBe(''));
});

describe('the target in origin form', () => {
  it.each([
    ['/', '/'],
    ['/a?b#c', '/a?b#c'],
    ['//a/../b;c?', '//a/../b;c?'],
    ['/http://a/b', '/http://a/b'],
    ['*', '*'],
    ['http://a', '/'],
    ['http://a/', '/'],
    ['HTTP://A:80/b//c?d=http://e/f', '/b//c?d=http://e/f'],
    ['https://user@a/b', '/b'],
    ['http://a?b=/c', '/?b=/c'],
    ['http://[::1]:80/b', '/b'],
    ['ftp://a/b', 'ftp://a/b'],
    ['a:80', 'a:80'],
  ])('%s is %s', (url, target) => {
    expect(originForm(url)).toBe(target);
  });
});

describe('the headers of a reply to the client', () => {
  const reply = (headers: string[], text = '', status = 200) => ({
    status,
    headers,
    body: Buffer.from(text),
  });
  const lengths = (headers: string[]): string[] =>
    headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() === 'content-length' && at % 2 === 1);

  it('keep order, case and repetition where the length is true', () => {
    const raw = ['Set-Cookie', 'a=1', 'content-length', '3', 'x', '', 'set-cookie', 'a=1'];
    expect(replyHeaders('GET', reply(raw, 'abc'))).toEqual(raw);
  });

  it('lack those of the hop, and those that Connection names', () => {
    const raw = ['Connection', 'X-Hop', 'X-Hop', '1', 'Transfer-Encoding', 'chunked', 'Keep-Alive', 'a'];
    expect(replyHeaders('GET', reply([...raw, 'X', '1'], 'a'))).toEqual(['X', '1', 'Content-Length', '1']);
  });

  it.each([
    ['none', []],
    ['a false one', ['Content-Length', '7']],
    ['two, the first false', ['content-length', '7', 'X', '1', 'Content-Length', '3']],
    ['two, the first true', ['content-length', '3', 'X', '1', 'Content-Length', '7']],
    ['one that is no number', ['Content-Length', 'x']],
  ])('have one true Content-Length where the replica gave %s', (_, raw) => {
    expect(lengths(replyHeaders('GET', reply(raw, 'abc')))).toEqual(['3']);
    expect(lengths(replyHeaders('POST', reply(raw)))).toEqual(['0']);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 304],
  ])('keep for %s %i the length of the body that is not there', (method, status) => {
    expect(lengths(replyHeaders(method, reply(['Content-Length', '1234'], '', status)))).toEqual(['1234']);
    expect(replyHeaders(method, reply(['ETag', '"a"'], '', status))).toEqual(['ETag', '"a"']);
  });

  it('have the length of the body that a replica gives for HEAD', () => {
    expect(lengths(replyHeaders('HEAD', reply(['Content-Length', '7'], 'abc')))).toEqual(['3']);
  });

  it('have no length for 204', () => {
    expect(replyHeaders('GET', reply(['Content-Length', '0', 'X', '1'], '', 204))).toEqual(['X', '1']);
    expect(replyHeaders('HEAD', reply(['Content-Length', '0', 'X', '1'], '', 204))).toEqual(['X', '1']);
    expect(replyHeaders('DELETE', reply(['X', '1'], '', 204))).toEqual(['X', '1']);
  });

  it('have the length 0 for 205, whose end would be unknown without it', () => {
    expect(replyHeaders('POST', reply(['Content-Length', '0'], '', 205))).toEqual(['Content-Length', '0']);
    expect(replyHeaders('POST', reply([], '', 205))).toEqual(['Content-Length', '0']);
  });
});
