import { describe, expect, it } from 'vitest';

import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import { problemReply } from '#shared/contract/problem.ts';

describe('stripHopByHop', () => {
  it('removes every hop-by-hop header, whatever its case', () => {
    const hop = 'Connection keep-alive PROXY-Connection transfer-encoding Te Trailer upgrade Expect'.split(
      ' ',
    );
    const raw = ['Host', 'a', ...hop.flatMap((name) => [name, 'x']), 'Via', 'b'];
    expect(stripHopByHop(raw)).toEqual(['Host', 'a', 'Via', 'b']);
  });

  it('removes the fields that any Connection header names', () => {
    const raw = [
      'X-One',
      '1',
      'connection',
      'close, X-ONE',
      'x-two',
      '2',
      'X-Three',
      '3',
      'CONNECTION',
      ' x-two ,',
    ];
    expect(stripHopByHop(raw)).toEqual(['X-Three', '3']);
  });

  it('keeps order, case, repetition, empty values and content-length', () => {
    const raw = [
      'Set-Cookie',
      'a=1',
      'x',
      '',
      'set-cookie',
      'b=2',
      'Content-Length',
      '0',
      'Set-Cookie',
      'a=1',
    ];
    expect(stripHopByHop(raw)).toEqual(raw);
    expect(stripHopByHop(raw)).not.toBe(raw);
  });
});

describe('headerValue', () => {
  it('finds the first field of that name, whatever its case', () => {
    expect(headerValue(['A', '1', 'HoSt', 'x', 'host', 'y'], 'host')).toBe('x');
  });

  it('does not mistake a value for a name', () => {
    expect(headerValue(['a', 'host', 'b', '2'], 'host')).toBeUndefined();
  });
});

describe('problemReply', () => {
  it('makes a problem of RFC 9457 with a code', () => {
    const reply = problemReply('outcome_unknown', 'it broke');
    expect(reply.status).toBe(502);
    expect(headerValue(reply.headers, 'content-type')).toBe('application/problem+json');
    expect(JSON.parse(Buffer.from(reply.body).toString())).toEqual({
      type: 'about:blank',
      title: 'Outcome Unknown',
      status: 502,
      detail: 'it broke',
      code: 'outcome_unknown',
    });
  });
});
