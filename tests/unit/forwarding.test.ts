import { describe, expect, it } from 'vitest';
import { replyHeaders } from '../../gateway/request/forwarding.ts';

describe('the headers of a reply to the client', () => {
  const reply = (headers: string[], text = '', status = 200) => ({
    status,
    headers,
    body: Buffer.from(text),
  });
  const lengths = (headers: string[]): string[] =>
    headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() === 'content-length' && at % 2 === 1);

  it('keep order, case and repetition if the length is correct', () => {
    const raw = ['Set-Cookie', 'a=1', 'content-length', '3', 'x', '', 'set-cookie', 'a=1'];
    expect(replyHeaders('GET', reply(raw, 'abc'))).toEqual(raw);
  });

  it('exclude hop-by-hop fields and those that Connection names', () => {
    const raw = ['Connection', 'X-Hop', 'X-Hop', '1', 'Transfer-Encoding', 'chunked', 'Keep-Alive', 'a'];
    expect(replyHeaders('GET', reply([...raw, 'X', '1'], 'a'))).toEqual(['X', '1', 'Content-Length', '1']);
  });

  it('keep a field that security depends on, even if Connection names it', () => {
    const kept = [
      'Set-Cookie',
      'a=1',
      'Content-Security-Policy',
      'b',
      'Cache-Control',
      'no-store',
      'Vary',
      'c',
    ];
    const named = 'set-cookie, Content-Security-Policy, cache-control, VARY, content-length, x-hop';
    const raw = ['Connection', named, 'X-Hop', '1', ...kept, 'Content-Length', '3'];
    expect(replyHeaders('GET', reply(raw, 'abc'))).toEqual([...kept, 'Content-Length', '3']);
  });

  it.each([
    ['none', []],
    ['a wrong one', ['Content-Length', '7']],
    ['two, the first one wrong', ['content-length', '7', 'X', '1', 'Content-Length', '3']],
    ['two, the first one correct', ['content-length', '3', 'X', '1', 'Content-Length', '7']],
    ['one that is not a number', ['Content-Length', 'x']],
  ])('have one correct Content-Length if the replica sent %s', (_, raw) => {
    expect(lengths(replyHeaders('GET', reply(raw, 'abc')))).toEqual(['3']);
    expect(lengths(replyHeaders('POST', reply(raw)))).toEqual(['0']);
  });

  it('keep leading zeros of a correct Content-Length', () => {
    expect(lengths(replyHeaders('GET', reply(['Content-Length', '0003'], 'abc')))).toEqual(['0003']);
  });

  it.each([
    ['HEAD', 200],
    ['GET', 304],
  ])('keep the Content-Length of a %s %i, which has no body', (method, status) => {
    expect(lengths(replyHeaders(method, reply(['Content-Length', '1234'], '', status)))).toEqual(['1234']);
    expect(replyHeaders(method, reply(['ETag', '"a"'], '', status))).toEqual(['ETag', '"a"']);
  });

  it('have the length of the body if a replica sends one for HEAD', () => {
    expect(lengths(replyHeaders('HEAD', reply(['Content-Length', '7'], 'abc')))).toEqual(['3']);
  });

  it('have no Content-Length for 204', () => {
    expect(replyHeaders('GET', reply(['Content-Length', '0', 'X', '1'], '', 204))).toEqual(['X', '1']);
    expect(replyHeaders('HEAD', reply(['Content-Length', '0', 'X', '1'], '', 204))).toEqual(['X', '1']);
    expect(replyHeaders('DELETE', reply(['X', '1'], '', 204))).toEqual(['X', '1']);
  });

  it('have Content-Length 0 for 205, since the client could not find its end otherwise', () => {
    expect(replyHeaders('POST', reply(['Content-Length', '0'], '', 205))).toEqual(['Content-Length', '0']);
    expect(replyHeaders('POST', reply([], '', 205))).toEqual(['Content-Length', '0']);
  });
});
